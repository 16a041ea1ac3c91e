"""A round of a fleet: what some trials ask for, as rows of launches, and where arrays lie."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.launcher import Memory, eights
from odyssey.engines.gpu.rows import ROW, Extent, workspace
from odyssey.engines.gpu.sequences import Sequences
from odyssey.engines.gpu.source import LossKernel
from odyssey.engines.noise import Noise
from odyssey.engines.outside import value_and_gradient
from odyssey.losses import get_loss
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import lstm_of

FloatArray = NDArray[np.float32]

#: Sequences of one request that are evaluated in one launch: they do not wait for one another.
ABREAST = 16


@dataclass
class Slot:
    """One trial's place: its network, its rule, its parameters and behind them the rule's state.

    ``kernel`` is that of the loss, None where the loss is computed in NumPy. ``updates`` counts
    those that were made.
    """

    spec: NetworkSpec
    rule: UpdateRule
    arrays: Memory
    kernel: LossKernel | None
    updates: int = 0


@dataclass
class Request:
    """A run of sequences that one trial trains on in order, or (without noise) evaluates."""

    slot: Slot
    sequences: Sequences
    indices: Sequence[int]
    noise: Sequence[Noise] | None
    losses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    outputs: list[FloatArray] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False

    def extent(self, k: int) -> Extent:
        """Return the size of the row of the run's k-th sequence."""
        n, kernel = self.indices[k], self.slot.kernel
        labels = int(self.sequences.labels[n]) if kernel and kernel.paths else 0
        frames, drops = int(self.sequences.frames[n]), bool(self.noise and self.noise[k].dropout)
        training = self.noise is not None
        return Extent(frames, labels, self.slot.spec.hidden, training, drops)

    def steps(self) -> list[range]:
        """Return the parts of the run that are launched one after the other."""
        abreast = ABREAST if self.noise is None else 1
        total = len(self.indices)
        return [range(k, min(k + abreast, total)) for k in range(0, total, abreast)]


class Round:
    """All rows of some requests, in the order of their launches."""

    def __init__(self, batch: list[Request]) -> None:
        self._batch = batch
        parts = [request.steps() for request in batch]
        #: of each launch, the pairs of request and position in its run
        self._steps = [
            [(r, k) for r, own in enumerate(parts) if step < len(own) for k in own[step]]
            for step in range(max(map(len, parts)))
        ]
        rows = [pair for step in self._steps for pair in step]
        self._rows = {pair: n for n, pair in enumerate(rows)}
        self._extents = [batch[r].extent(k) for r, k in rows]
        self._spaces = [
            workspace(batch[r].slot.spec, batch[r].slot.kernel, e)
            for (r, _), e in zip(rows, self._extents, strict=True)
        ]
        self.table = np.zeros(len(rows), ROW)
        self._values: dict[int, float] = {}  # losses that were computed in NumPy

    def launches(self) -> list[tuple[int, list[Extent]]]:
        """Return first row and sizes of the rows of each step."""
        firsts = np.cumsum([0, *map(len, self._steps)])
        return [(int(start), self._extents[start:end]) for start, end in pairwise(firsts)]

    def sizes(self) -> dict[str, int]:
        """Return name → bytes of the buffers that are needed."""
        space = max(sum(self._spaces[self._rows[p]]["end"] for p in step) for step in self._steps)
        outputs = sum(self._output_bytes(pair) for pair in self._rows)
        return {
            "table": self.table.nbytes,
            "workspace": 4 * space,
            "losses": 8 * len(self.table),
            "outputs": eights(outputs),
        }

    def fill(self, buffers: dict[str, Memory]) -> None:
        """Write every row's addresses and numbers."""
        output, losses = buffers["outputs"].address, buffers["losses"].address
        for step in self._steps:
            address = buffers["workspace"].address
            for pair in step:
                row, space = self.table[self._rows[pair]], dict(self._spaces[self._rows[pair]])
                size = space.pop("end")
                for name, offset in space.items():
                    row[name] = address + 4 * offset
                address += 4 * size
                row["loss"] = losses + 8 * self._rows[pair]
                self._describe(row, *pair)
                if self._batch[pair[0]].noise is None:
                    row["out"] = output
                    output += self._output_bytes(pair)
                else:
                    before = self._rows.get((pair[0], pair[1] - 1))
                    row["before"] = 0 if before is None else losses + 8 * before

    def compute_losses(self, first: int, count: int, buffers: dict[str, Memory]) -> None:
        """Replace the loss's kernel for rows whose activations are there: losses, gradients."""
        pairs = list(self._rows)[first : first + count]
        for n, (r, k) in enumerate(pairs, start=first):
            request, row, extent = self._batch[r], self.table[n], self._extents[n]
            spec, training = request.slot.spec, extent.training
            memory = buffers["workspace" if training else "outputs"]
            start, size = int(row["out"]) - memory.address, 4 * extent.T * spec.outputs
            a = memory.read(size, start).view(np.float32).reshape(extent.T, spec.outputs)
            target = request.sequences.target(request.indices[k])
            value, gradient = value_and_gradient(get_loss(spec.loss), a, target)
            before = self._rows.get((r, k - 1)) if training else None
            if before is not None and not np.isfinite(self._values[before]):
                value = np.nan
            self._values[n] = value
            buffers["losses"].write(np.array([value]), 8 * n)
            if training:
                memory.write(gradient, start)

    def collect(self, buffers: dict[str, Memory]) -> None:
        """Give every request its losses and outputs."""
        losses = buffers["losses"].read(8 * len(self.table)).view(np.float64)
        at = {
            r: [self._rows[r, k] for k in range(len(q.indices))] for r, q in enumerate(self._batch)
        }
        total = sum(self._output_bytes(pair) for pair in self._rows)
        raw = buffers["outputs"].read(total) if total else np.empty(0, np.uint8)
        for r, request in enumerate(self._batch):
            request.losses = losses[at[r]]
        start = 0
        for r, k in self._rows:
            if size := self._output_bytes((r, k)):
                count = int(self._extents[self._rows[r, k]].T) * self._batch[r].slot.spec.outputs
                values = raw[start : start + 4 * count].view(np.float32)
                self._batch[r].outputs.append(values.reshape(-1, self._batch[r].slot.spec.outputs))
                start += size

    def _describe(self, row: Any, r: int, k: int) -> None:
        request, extent = self._batch[r], self._extents[self._rows[r, k]]
        slot, data, n = request.slot, request.sequences, request.indices[k]
        row["theta"] = slot.arrays.address
        for place, name in enumerate(slot.rule.state, start=1):
            own = "first" if name == "velocity" else name
            row[own] = slot.arrays.address + 4 * slot.spec.size * place
        row["x"] = data.x.address + data.x_offsets[n]
        row["target"] = data.targets.address + data.target_offsets[n]
        row["T"], row["U"], row["H"] = extent.T, extent.U, extent.H
        row["training"] = extent.training
        for name, value in slot.rule.numbers(slot.updates + 1 + k).items():
            row[name] = value
        noise = request.noise[k] if request.noise is not None else Noise(0.0, 0, 0)
        row["noise"], row["key"], row["presentation"], row["dropout"] = noise
        if noise.std == 0:
            row["noisy"] = row["x"]
        if not noise.dropout:
            row["kept"] = row["y"]
        if not lstm_of(slot.spec.variant).gate_recurrence:
            row["da"] = row["gates"]

    def _output_bytes(self, pair: tuple[int, int]) -> int:
        """Return the bytes of a row's outputs, a multiple of eight; 0 in training."""
        request, extent = self._batch[pair[0]], self._extents[self._rows[pair]]
        floats = 0 if extent.training else extent.T * request.slot.spec.outputs
        return eights(4 * floats) if floats else 0
