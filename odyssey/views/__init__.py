"""Terminal views of data, plan, progress and single files."""
