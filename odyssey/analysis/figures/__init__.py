"""The figures, by name in draw."""
