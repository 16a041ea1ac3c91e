"""A finished trial's network on sequences: the activations that its evaluation in training saw."""
