"""What trains: the loop, and the engines behind one protocol: Gluon, fused kernels, GPU."""
