"""A network trained by one operator a sequence: forward, loss, gradients, update."""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.kernels.loader import load, network_attributes
from odyssey.mx import mx
from odyssey.noise import Noise
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
        self._rule = mx.nd.array([rule.step, rule.momentum, rule.nesterov, rule.clip, 0.0])
        self._words = mx.nd.zeros(4, dtype=np.int32)
        self._noise_std = memory_of(self._rule)[-1:]
        self._noise_words = memory_of(self._words).view(np.uint64)
        self._step = self._operators.cached("step", 6, **self._attributes)
        self._evaluate = self._operators.cached("evaluate", 3, **self._attributes)
        self._x = _Buffer((spec.inputs,))
        self._y = _Buffer((spec.outputs,) if spec.loss == "bernoulli" else ())
        self._a = _Buffer((spec.outputs,))
        self._loss = mx.nd.zeros(1, dtype=np.float64)
        self._loss_value = memory_of(self._loss)
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

    def train_step(self, x: FloatArray, y: NDArray[Any], noise: Noise | None = None) -> float:
        """Update once on inputs x (T, D) and targets y; return the sequence's loss before it.

        The operator itself draws the noise that is added to x. A non-finite loss leaves
        parameters and momentum as they were; labels that T frames cannot hold have the loss inf.
        Raises ValueError for wrong shapes or labels.
        """
        self._noise_std[0] = noise.std if noise else 0.0
        if noise:
            self._noise_words[:] = noise.key, noise.presentation
        inputs = (*self._inputs(x, y), self._parameters, self._velocity, self._rule, self._words)
        try:
            self._step(*inputs, out=self._loss)
            self._loss.wait_to_read()
        except mx.base.MXNetError as error:
            raise _readable(error) from None
        return float(self._loss_value[0])

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return a sequence's loss and the output activations (T, K) before softmax or sigmoid.

        Raises ValueError for wrong shapes or labels.
        """
        inputs, out = self._inputs(x, y), self._a.rows(len(x))
        try:
            self._evaluate(*inputs, self._parameters, out=[self._loss, out])
            out.wait_to_read()
            return float(self._loss_value[0]), self._a.memory[: len(x)].copy()
        except mx.base.MXNetError as error:
            raise _readable(error) from None

    def _inputs(self, x: FloatArray, y: NDArray[Any]) -> tuple[Any, Any]:
        T, spec = len(x), self.spec
        expected: dict[str, tuple[int, ...]] = {"softmax": (T,), "bernoulli": (T, spec.outputs)}
        if T == 0 or x.shape != (T, spec.inputs):
            raise ValueError(f"x must have the shape (T, {spec.inputs}), T > 0, got {x.shape}")
        if y.ndim != 1 if spec.loss == "ctc" else y.shape != expected[spec.loss]:
            wanted = expected.get(spec.loss, "(U,)")
            raise ValueError(f"the targets of x {x.shape} must have the shape {wanted}: {y.shape}")
        return self._x.put(x), self._y.put(y)

    def _pack(self, values: Mapping[str, FloatArray]) -> Any:
        arrays = [mx.nd.array(values[name], dtype=np.float32) for name in self._shapes]
        try:
            return self._operators(mx.nd, "pack", *arrays, **self._attributes)
        except mx.base.MXNetError as error:
            raise _readable(error) from None

    def _unpack(self, flat: Any) -> dict[str, FloatArray]:
        arrays = self._operators(mx.nd, "unpack", flat, **self._attributes)
        return {name: array.asnumpy() for name, array in zip(self._shapes, arrays, strict=True)}


class _Buffer:
    """An array that grows, whose first rows take a sequence: a new array costs more than a step.

    The caller waits for the operator that uses it before it does so again.
    """

    def __init__(self, row: tuple[int, ...]) -> None:
        self._row = row
        self._grow(256)

    def put(self, values: NDArray[Any]) -> Any:
        """Return an array (T, …) of the values as float32, good until the next call."""
        if len(values) == 0:  # MXNet knows no empty arrays: labels may end in −1
            values = np.array([-1])
        rows = self.rows(len(values))
        self.memory[: len(values)] = values
        return rows

    def rows(self, T: int) -> Any:
        """Return an array of the first T rows; their values are in ``memory``."""
        if len(self.memory) < T:
            self._grow(T + T // 4)
        if T not in self._views:
            self._views[T] = self._array[:T]
        return self._views[T]

    def _grow(self, rows: int) -> None:
        self._array = mx.nd.zeros((rows, *self._row))
        self.memory = memory_of(self._array)
        self._views: dict[int, Any] = {}


def memory_of(array: Any) -> NDArray[Any]:
    """Return an NDArray's own memory as a NumPy array, once nothing is written to it any more."""
    array.wait_to_read()
    pointer = ctypes.c_void_p()
    mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    kind = np.ctypeslib.as_ctypes_type(array.dtype)
    typed = ctypes.cast(pointer, ctypes.POINTER(kind))
    return np.ctypeslib.as_array(typed, array.shape)


def _readable(error: Exception) -> ValueError:
    """Return the operator's own message, the last line of MXNet's report."""
    lines = [line for line in str(error).splitlines() if "]: " in line]
    return ValueError(lines[-1].partition("]: ")[2] if lines else str(error))
