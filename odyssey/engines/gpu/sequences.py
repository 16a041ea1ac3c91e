"""Sequences in device memory: a whole split is copied once, and rows point into it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.launcher import Memory
from odyssey.engines.gpu.source import LossKernel
from odyssey.engines.sequences import flatten, starts
from odyssey.engines.training import Split
from odyssey.losses import get_loss
from odyssey.networks.spec import NetworkSpec


@dataclass(frozen=True)
class Sequences:
    """Inputs and targets, one sequence after the other; offsets and sizes of each."""

    x: Memory
    targets: Memory
    x_offsets: NDArray[np.int64]  # bytes
    target_offsets: NDArray[np.int64]  # bytes
    frames: NDArray[np.int64]
    labels: NDArray[np.int64]  # rows of the targets
    kept: NDArray[Any]  # the targets as they came

    def target(self, n: int) -> NDArray[Any]:
        """Return a sequence's targets as they came."""
        last = int(self.labels[: n + 1].sum())
        return self.kept[last - int(self.labels[n]) : last]


def upload(
    allocate: Callable[[int], Memory],
    spec: NetworkSpec,
    kernel: LossKernel | None,
    split: Split,
) -> Sequences:
    """Copy all sequences of a split, the targets only if a kernel reads them.

    Raises ValueError for wrong shapes or targets.
    """
    flat = flatten(spec, split)
    targets = flat.targets.astype(kernel.targets) if kernel else np.empty(0, np.uint8)
    width = spec.outputs if get_loss(spec.loss).targets.vectors else 1
    return Sequences(
        _copied(allocate, flat.x),
        _copied(allocate, targets),
        starts(flat.frames) * 4 * spec.inputs,
        starts(flat.targets_of) * (width * targets.itemsize if kernel else 0),
        flat.frames,
        flat.targets_of,
        flat.targets,
    )


def _copied(allocate: Callable[[int], Memory], values: NDArray[Any]) -> Memory:
    memory = allocate(values.nbytes)
    memory.write(values)
    return memory
