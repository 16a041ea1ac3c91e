"""Sequences in device memory: a whole split is copied once, and rows point into it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.launcher import Memory
from odyssey.engines.sequences import flatten, starts
from odyssey.engines.training import Split
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


def upload(allocate: Callable[[int], Memory], spec: NetworkSpec, split: Split) -> Sequences:
    """Copy all sequences of a split; ValueError for wrong shapes or labels."""
    flat, vectors = flatten(spec, split), spec.loss == "bernoulli"
    targets = (flat.targets != 0).astype(np.uint8) if vectors else flat.targets.astype(np.int32)
    return Sequences(
        _copied(allocate, flat.x),
        _copied(allocate, targets),
        starts(flat.frames) * 4 * spec.inputs,
        starts(flat.targets_of) * (spec.outputs if vectors else 4),
        flat.frames,
        flat.targets_of,
    )


def _copied(allocate: Callable[[int], Memory], values: NDArray[Any]) -> Memory:
    memory = allocate(values.nbytes)
    memory.write(values)
    return memory
