"""What a machine lacks, said ahead in a line each."""
