"""A loss in NumPy between the two halves of a step, for engines that have no faster form of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.losses import Loss

FloatArray = NDArray[np.float32]


def value_and_gradient(loss: Loss, a: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
    """Return a loss in nats and its gradient by the activations a (T, K), as float32.

    Where a is not finite the loss is NaN; where the loss is not, the gradient is all zeros. Raises
    ValueError for a gradient that is no gradient of a.
    """
    if not np.isfinite(a).all():
        return np.nan, np.zeros_like(a)
    with np.errstate(all="ignore"):
        value, gradient = loss.value_and_gradient(a.astype(np.float64), y)
        if not np.isfinite(value):
            return float(value), np.zeros_like(a)
        exact = np.asarray(gradient, np.float64)
        narrow = np.ascontiguousarray(exact, np.float32)
    if exact.shape != a.shape or np.isnan(exact).any():
        came = "some NaN" if exact.shape == a.shape else f"the shape {exact.shape}"
        raise ValueError(
            f"the gradient of the loss {loss.name!r} must be numbers of the shape {a.shape} of its "
            f"activations, got {came}"
        )
    if not np.isfinite(narrow).all():  # too large for float32: the trial has diverged
        return np.inf, np.zeros_like(a)
    return float(value), narrow
