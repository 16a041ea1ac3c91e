"""What is trained: variants, the network around them, and their equations in float64."""
