"""Functional ANOVA of random forests: exact main, pair and total effects."""
