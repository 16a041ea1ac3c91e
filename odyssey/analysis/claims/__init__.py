"""The claims of the paper, each with its check."""
