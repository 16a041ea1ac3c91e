"""A network trained by one operator for a run of sequences: forward, loss, gradients, update.

A loss that has no fused form is computed in NumPy between two operators for each sequence.
"""

import ctypes
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines import cores
from odyssey.engines.fused.loader import FUSED_LOSSES, OpenNetwork, load, network_attributes
from odyssey.engines.mx import mx
from odyssey.engines.noise import Noise
from odyssey.engines.outside import value_and_gradient
from odyssey.engines.sequences import Flat, flatten, starts
from odyssey.engines.training import FloatArray, Split
from odyssey.losses import get_loss
from odyssey.networks.spec import NetworkSpec, UpdateRule

#: Sequences of a run at most, and parameters times sequences: between two runs a trial can be saved
#: or stopped, and the larger a network, the less does a call weigh. EVALUATED: the same for
#: sequences that are only evaluated, several side by side.
RUN, _PARAMETERS, EVALUATED = 32, 3_000_000, 48
#: Parameters from which on a second thread is worth waiting for in a step.
_LARGE = 40_000
_INPUTS = {"train": 6, "evaluate": 5, "forward": 5, "learn": 4}


class FusedModel:
    """``training.Model`` on one flat array of parameters, padded to whole vectors.

    All parameters start at zero. ``fused_loss=False`` computes the loss in NumPy though it has a
    fused form. Raises KernelError where the operators can't be built, ValueError for a loss that
    there isn't.
    """

    def __init__(self, spec: NetworkSpec, rule: UpdateRule, fused_loss: bool = True) -> None:
        self.spec, self._loss = spec, get_loss(spec.loss)
        self._shapes = spec.parameter_shapes()
        self.run_length = min(max(1, _PARAMETERS // spec.size), RUN)
        self.evaluation_length = EVALUATED
        self._attributes = network_attributes(spec, fused_loss)
        self._operators = load(spec.variant)
        self._rule, self._updates = rule, 0
        self._corrected = [[*rule.numbers()].index(name) for name in ("step", "epsilon")]
        self._outside = not (fused_loss and spec.loss in FUSED_LOSSES)
        if self._outside:
            self._open = OpenNetwork(spec, fused_loss)
        self._cached: dict[tuple[str, int, bool], Any] = {}
        self._table = _Buffer((6,), np.int64)
        self._how = _Buffer((len(rule.numbers()) + 2,), np.float32)
        self._losses = _Buffer((), np.float64)
        self._outputs = _Buffer((spec.outputs,), np.float32)
        self._nothing = mx.nd.zeros(1)
        self._splits: dict[int, tuple[Split, _Sequences]] = {}
        zeros = {name: np.zeros(shape, np.float32) for name, shape in self._shapes.items()}
        self._parameters = self._pack(zeros)
        self._state = mx.nd.zeros((max(1, len(rule.state)), len(self._parameters)))  # none is empty

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""
        return self._unpack(self._parameters)

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""
        self._parameters = self._pack(values)

    def get_state(self) -> dict[str, Any]:
        """Return copies of what the rule goes on from; see ``training.Model``."""
        arrays = {name: self._unpack(self._state[k]) for k, name in enumerate(self._rule.state)}
        return arrays | ({"updates": self._updates} if self._rule.counts else {})

    def set_state(self, values: Mapping[str, Any]) -> None:
        """Replace that."""
        for k, name in enumerate(self._rule.state):
            self._state[k] = self._pack(values[name])
        self._updates = int(values["updates"]) if self._rule.counts else 0

    def train_run(self, split: Split, indices: Sequence[int], noise: Noise) -> list[float]:
        """Update on some sequences in order, return their losses; see ``training.Model``.

        The operator itself draws the noise. Labels that T frames cannot hold have the loss inf.
        Raises ValueError for wrong shapes or targets.
        """
        return self._trained(self._sequences(split), indices, noise)

    def evaluate_run(
        self, split: Split, indices: Sequence[int], nats: bool | None = None
    ) -> Iterator[tuple[float, FloatArray]]:
        """Return loss and activations of some sequences; see ``training.Model``.

        The losses are NaN unless ``nats``, by default where the figure of merit needs them. The
        activations are overwritten by the next call.
        """
        needed = self._loss.needs_nats if nats is None else nats
        return self._evaluated(self._sequences(split), indices, needed)

    def train_step(self, x: FloatArray, y: NDArray[Any], noise: Noise | None = None) -> float:
        """Update once on one sequence, x (T, D) and targets y; see ``train_run``."""
        return self._trained(self._single(x, y), [0], noise or Noise(0.0, 0, 0))[0]

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return one sequence's loss and output activations (T, K); see ``evaluate_run``."""
        loss, activations = next(self._evaluated(self._single(x, y), [0], nats=True))
        return loss, activations.copy()

    def _trained(
        self, sequences: "_Sequences", indices: Sequence[int], noise: Noise
    ) -> list[float]:
        if self._outside:
            return self._trained_outside(sequences, indices, noise)
        count = len(indices)
        table, losses = self._table.rows(count), self._losses.rows(count)
        rows = self._table.memory[:count]
        rows[:, :4] = sequences.places[indices]
        words = rows[:, 4:].view(np.uint64)
        words[:, 0] = noise.key
        words[:, 1] = np.arange(count, dtype=np.uint64) + np.uint64(noise.presentation)
        arrays = (sequences.x, sequences.targets, table, self._parameters, self._state)
        self._call(self._operator("train"), *arrays, self._how_to(noise, count), out=losses)
        found: list[float] = self._losses.memory[:count].tolist()
        self._updates += sum(map(math.isfinite, found))
        return found

    def _trained_outside(
        self, sequences: "_Sequences", indices: Sequence[int], noise: Noise
    ) -> list[float]:
        found = [np.nan] * len(indices)
        for k, n in enumerate(indices):
            table, outputs = self._table.rows(1), self._outputs.rows(int(sequences.places[n, 1]))
            row = self._table.memory[0]
            row[:4] = sequences.places[n]
            row[4:].view(np.uint64)[:] = noise.key, noise.presentation + k
            how = self._how_to(noise, 1)
            inputs = sequences.x, table, self._parameters, outputs, how
            self._call(self._operator("forward"), *inputs, out=self._losses.rows(1))
            a = self._outputs.memory[: outputs.shape[0]]
            found[k], a[:] = value_and_gradient(self._loss, a, sequences.target(n))
            if not np.isfinite(found[k]):
                break
            arrays = outputs, self._parameters, self._state, how
            self._call(self._operator("learn"), *arrays, out=self._nothing)
            self._updates += 1
        return found

    def _how_to(self, noise: Noise, count: int) -> Any:
        """Return the rule's numbers for the next updates, each with how much is random."""
        array, rows = self._how.rows(count), self._how.memory[:count]
        rows[:] = *self._rule.numbers(self._updates + 1).values(), noise.std, noise.dropout
        if self._rule.counts:
            following = range(self._updates + 1, self._updates + 1 + count)
            rows[:, self._corrected] = [self._rule.corrected(n) for n in following]
        return array

    def _evaluated(
        self, sequences: "_Sequences", indices: Sequence[int], nats: bool
    ) -> Iterator[tuple[float, FloatArray]]:
        table, losses = self._table.rows(len(indices)), self._losses.rows(len(indices))
        places = self._table.memory[: len(indices), :4] = sequences.places[indices]
        ends = np.cumsum(places[:, 1]).tolist()
        outputs = self._outputs.rows(ends[-1])
        arrays = (sequences.x, sequences.targets, table, self._parameters, outputs)
        self._call(self._operator("evaluate", nats), *arrays, out=losses)
        parts = [self._outputs.memory[a:b] for a, b in pairwise([0, *ends])]
        values = self._losses.memory[: len(indices)].tolist()
        if self._outside and nats:
            pairs = zip(parts, map(sequences.target, indices), strict=True)
            values = [value_and_gradient(self._loss, a, y)[0] for a, y in pairs]
        return zip(values, parts, strict=True)

    def _operator(self, name: str, nats: bool = False) -> Any:
        """Return an operator for as many threads as there are cores and the network is worth."""
        large = name == "evaluate" or self.spec.size >= _LARGE
        threads = min(2, cores.granted()) if large else 1
        key = name, threads, nats
        if key not in self._cached:
            attributes = (
                {"network": self._open.core} if name in ("forward", "learn") else self._attributes
            )
            more = {"nats": int(nats)} if name == "evaluate" else {}
            self._cached[key] = self._operators.cached(
                name, _INPUTS[name], threads=threads, **more, **attributes
            )
        return self._cached[key]

    def _call(self, operator: Any, *arrays: Any, out: Any) -> None:
        try:
            operator(*arrays, out=out)
            out.wait_to_read()
        except mx.base.MXNetError as error:
            raise _readable(error) from None

    def _sequences(self, split: Split) -> "_Sequences":
        if id(split) not in self._splits:  # kept with it, so that no other takes its id
            self._splits[id(split)] = split, self._flat(split)
        return self._splits[id(split)][1]

    def _single(self, x: FloatArray, y: NDArray[Any]) -> "_Sequences":
        return self._flat([(x, y)])

    def _flat(self, split: Split) -> "_Sequences":
        return _Sequences(flatten(self.spec, split), self._outside)

    def _pack(self, values: Mapping[str, FloatArray]) -> Any:
        arrays = [mx.nd.array(values[name], dtype=np.float32) for name in self._shapes]
        try:
            return self._operators(mx.nd, "pack", *arrays, **self._attributes)
        except mx.base.MXNetError as error:
            raise _readable(error) from None

    def _unpack(self, flat: Any) -> dict[str, FloatArray]:
        arrays = self._operators(mx.nd, "unpack", flat, **self._attributes)
        return {name: array.asnumpy() for name, array in zip(self._shapes, arrays, strict=True)}


class _Sequences:
    """A split's sequences for the operators; the targets stay with NumPy where the loss is outside.

    ``places`` (n, 4) holds each one's first frame, frames, first target, targets.
    """

    def __init__(self, flat: Flat, outside: bool) -> None:
        self.x, self._kept = mx.nd.from_numpy(flat.x, zero_copy=True), flat.targets
        given = len(flat.targets) and not outside
        targets = flat.targets if given else np.zeros(1)  # MXNet: no empty arrays
        self.targets = mx.nd.array(targets, dtype=np.float32)
        counts = (flat.frames, flat.targets_of)
        self.places = np.stack([each for n in counts for each in (starts(n), n)], axis=1)

    def target(self, n: int) -> NDArray[Any]:
        """Return a sequence's targets as they came."""
        first, count = self.places[n, 2:].tolist()
        return self._kept[first : first + count]


class _Buffer:
    """An array that grows, whose first rows a call uses: a new array costs more than a step.

    The caller waits for the operator that uses it before it does so again.
    """

    def __init__(self, row: tuple[int, ...], kind: Any) -> None:
        self._row, self._kind = row, kind
        self._grow(256)

    def rows(self, count: int) -> Any:
        """Return an array of the first rows; their values are in ``memory``."""
        if len(self.memory) < count:
            self._grow(count + count // 4)
        if count not in self._views:
            self._views[count] = self._array[:count]
        return self._views[count]

    def _grow(self, rows: int) -> None:
        self._array = mx.nd.zeros((rows, *self._row), dtype=self._kind)
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
