"""A network trained by one operator a sequence: forward, loss, gradients, update."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.kernels.loader import load, network_attributes
from odyssey.mx import mx
from odyssey.spec import NetworkSpec, UpdateRule

FloatArray = NDArray[np.float32]


class FusedModel:
    """``training.Model`` on one flat array of parameters, padded to whole vectors.

    All parameters start at zero. Raises KernelError where the operators can't be built.
    """

    def __init__(self, spec: NetworkSpec, rule: UpdateRule) -> None:
        self.spec = spec
        self._shapes = spec.parameter_shapes()
        self._attributes = network_attributes(spec)
        self._operators = load(spec.variant)
        self._rule = mx.nd.array([rule.step, rule.momentum, rule.nesterov, rule.clip])
        zeros = {name: np.zeros(shape, np.float32) for name, shape in self._shapes.items()}
        self._parameters = self._pack(zeros)
        self._velocity = self._pack(zeros)

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""
        return self._unpack(self._parameters)

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""
        self._parameters = self._pack(values)

    def get_velocity(self) -> dict[str, FloatArray]:
        """Return copies of the momentum terms."""
        return self._unpack(self._velocity)

    def set_velocity(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all momentum terms."""
        self._velocity = self._pack(values)

    def train_step(self, x: FloatArray, y: NDArray[Any]) -> float:
        """Update once on inputs x (T, D) and targets y; return the sequence's loss before it.

        A non-finite loss leaves parameters and momentum as they were.
        """
        inputs = (_array(x), _array(y), self._parameters, self._velocity, self._rule)
        loss = self._operators(mx.nd, "step", *inputs, **self._attributes)
        return float(loss.asscalar())

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return a sequence's loss and the output activations (T, K) before softmax or sigmoid."""
        inputs = (_array(x), _array(y), self._parameters)
        loss, outputs = self._operators(mx.nd, "evaluate", *inputs, **self._attributes)
        return float(loss.asscalar()), outputs.asnumpy()

    def _pack(self, values: Mapping[str, FloatArray]) -> Any:
        arrays = [_array(values[name]) for name in self._shapes]
        return self._operators(mx.nd, "pack", *arrays, **self._attributes)

    def _unpack(self, flat: Any) -> dict[str, FloatArray]:
        arrays = self._operators(mx.nd, "unpack", flat, **self._attributes)
        return {name: array.asnumpy() for name, array in zip(self._shapes, arrays, strict=True)}


def _array(values: NDArray[Any]) -> Any:
    return mx.nd.array(values, dtype=np.float32)
