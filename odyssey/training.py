"""The training loop; knows no task, no variant and no framework. (Stub of the contract, being written.)"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class Model(Protocol):
    """A network with its update rule: what the training loop sees of either implementation.

    Arrays go in and out under the names and shapes of ``NetworkSpec.parameter_shapes``.
    """

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""

    def get_velocity(self) -> dict[str, FloatArray]:
        """Return copies of the momentum terms v of ``UpdateRule``."""

    def set_velocity(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all momentum terms."""

    def train_step(self, x: FloatArray, y: NDArray[Any]) -> float:
        """Update once on inputs x (T, D) and targets y; return the sequence's loss before it.

        A non-finite loss leaves the parameters as they were.
        """

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return a sequence's loss and the output activations (T, K) before softmax or sigmoid."""
