"""``Ops`` in float64 NumPy, for the oracle."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sigmoid(a: Array) -> Array:
    """Return the logistic function without overflow."""
    value: Array = 0.5 * (1 + np.tanh(0.5 * a))
    return value


class NumpyOps:
    """``Ops`` of float64 arrays."""

    def product(self, x: Array, weights: Array, blocks: int) -> Array:
        """Return x times the transposed weights."""
        product: Array = x @ weights.T
        return product

    def split(self, a: Array, blocks: int) -> list[Array]:
        """Return views of the blocks."""
        return np.split(a, blocks, axis=-1)

    def join(self, parts: Sequence[Array]) -> Array:
        """Return arrays side by side."""
        return np.concatenate(parts, axis=-1)

    def times(self, a: Array, vector: Array) -> Array:
        """Return every row times a vector."""
        return a * vector

    def plus(self, a: Array, vector: Array) -> Array:
        """Return every row plus a vector."""
        return a + vector

    def sigmoid(self, a: Array) -> Array:
        """Return the logistic function."""
        return sigmoid(a)

    def tanh(self, a: Array) -> Array:
        """Return the hyperbolic tangent."""
        value: Array = np.tanh(a)
        return value

    def relu(self, a: Array) -> Array:
        """Return the positive part."""
        value: Array = np.maximum(a, 0)
        return value

    def exp(self, a: Array) -> Array:
        """Return the exponential."""
        value: Array = np.exp(a)
        return value
