"""A study as data: its config, search spaces, hyperparameters and trials."""
