"""The figures: one module each, drawn by name through ``draw``."""
