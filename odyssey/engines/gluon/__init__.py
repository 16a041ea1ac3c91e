"""The readable engine: hybridized Gluon blocks and autograd, for every cell and every loss."""
