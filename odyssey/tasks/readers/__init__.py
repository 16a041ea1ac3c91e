"""Readers of corpora and makers of stand-ins, one module per source."""
