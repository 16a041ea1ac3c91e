"""One trial's network and update rule on a device that it shares with others."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.fleet import Fleet
from odyssey.engines.gpu.launcher import eights
from odyssey.engines.gpu.round import Request
from odyssey.engines.gpu.sequences import Sequences
from odyssey.engines.noise import Noise
from odyssey.engines.training import FloatArray, Split
from odyssey.losses import get_loss
from odyssey.networks.spec import MOST_HIDDEN_GPU, NetworkSpec, UpdateRule
from odyssey.networks.variants import lstm_of

#: Sequences that a trial hands in at a time; between two runs it can be saved or stopped.
RUN = 32


class GpuModel:
    """``training.Model`` whose arrays lie on a device, in the canonical order of the network.

    All parameters start at zero. Raises ValueError for a layer that the kernels don't know.
    """

    run_length = evaluation_length = RUN

    def __init__(self, spec: NetworkSpec, rule: UpdateRule, fleet: Fleet) -> None:
        if spec.hidden > MOST_HIDDEN_GPU:
            raise ValueError(
                f"the GPU kernels know up to {MOST_HIDDEN_GPU} blocks a layer, got {spec.hidden=}: "
                "narrow the law of `hidden` or set the task's device to cpu"
            )
        get_loss(spec.loss)  # which must be there
        lstm_of(spec.variant)  # as must the cell's kernels
        self.spec = spec
        self._shapes = spec.parameter_shapes()
        self._fleet, self.slot = fleet, fleet.join(spec, rule)
        weakref.finalize(self, fleet.leave)

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""
        return self._split(self._all()[1][0])

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""
        self._replace(0, values)

    def get_state(self) -> dict[str, Any]:
        """Return copies of what the rule goes on from; see ``training.Model``."""
        rule = self.slot.rule
        arrays = dict(zip(rule.state, map(self._split, self._all()[1][1:]), strict=True))
        return arrays | ({"updates": self.slot.updates} if rule.counts else {})

    def set_state(self, values: Mapping[str, Any]) -> None:
        """Replace that."""
        for place, name in enumerate(self.slot.rule.state, start=1):
            self._replace(place, values[name])
        self.slot.updates = int(values["updates"]) if self.slot.rule.counts else 0

    def train_step(self, x: FloatArray, y: NDArray[Any], noise: Noise | None = None) -> float:
        """Update once on one sequence. Raises ValueError for wrong shapes or labels."""
        one = self._fleet.single(self.spec, x, y)
        return float(self._trained(one, [0], [noise or Noise(0.0, 0, 0)])[0])

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return one sequence's loss and activations (T, K)."""
        request = Request(self.slot, self._fleet.single(self.spec, x, y), [0], None)
        done = self._fleet.run(request)
        return float(done.losses[0]), done.outputs[0]

    def train_run(self, split: Split, indices: Sequence[int], noise: Noise) -> Iterator[float]:
        """Update on some sequences in order, return their losses; see ``training.Model``."""
        each = [noise.later(k) for k in range(len(indices))]
        return map(float, self._trained(self._fleet.sequences(self.spec, split), indices, each))

    def evaluate_run(
        self, split: Split, indices: Sequence[int]
    ) -> Iterator[tuple[float, FloatArray]]:
        """Return losses and activations of some sequences; see ``training.Model``."""
        request = Request(self.slot, self._fleet.sequences(self.spec, split), indices, None)
        done = self._fleet.run(request)
        return zip(map(float, done.losses), done.outputs, strict=True)

    def _trained(
        self, sequences: Sequences, indices: Sequence[int], noise: Sequence[Noise]
    ) -> NDArray[np.float64]:
        losses = self._fleet.run(Request(self.slot, sequences, indices, noise)).losses
        self.slot.updates += int(np.isfinite(losses).sum())
        return losses

    def _all(self) -> tuple[NDArray[np.uint8], FloatArray]:
        """Return the bytes of the slot's arrays, and a view: parameters, the rule's state."""
        rows = 1 + len(self.slot.rule.state)
        size = 4 * rows * self.spec.size
        raw = self._fleet.alone(lambda: self.slot.arrays.read(eights(size)))
        return raw, raw[:size].view(np.float32).reshape(rows, -1)

    def _replace(self, which: int, values: Mapping[str, FloatArray]) -> None:
        flat = [np.asarray(values[name], np.float32) for name in self._shapes]
        for array, (name, shape) in zip(flat, self._shapes.items(), strict=True):
            if array.shape != shape:
                raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
        raw, arrays = self._all()
        arrays[which] = np.concatenate([array.ravel() for array in flat])
        self._fleet.alone(lambda: self.slot.arrays.write(raw))

    def _split(self, flat: FloatArray) -> dict[str, FloatArray]:
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes.values()])
        parts = np.split(flat, ends[:-1])
        return {
            name: part.reshape(shape).copy()
            for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }
