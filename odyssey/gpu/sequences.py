"""Sequences in device memory: a whole split is copied once, and rows point into it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.gpu.launcher import Memory
from odyssey.spec import NetworkSpec
from odyssey.training import Split


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
    pairs = [split[k] for k in range(len(split))]
    for x, y in pairs:
        _check(spec, x, y)
    vectors = spec.loss == "bernoulli"
    x = np.concatenate([x for x, _ in pairs]).astype(np.float32, copy=False)
    targets = np.concatenate([y for _, y in pairs])
    targets = (targets != 0).astype(np.uint8) if vectors else targets.astype(np.int32)
    frames = np.array([len(x) for x, _ in pairs])
    labels = np.array([len(y) for _, y in pairs])
    return Sequences(
        _copied(allocate, x),
        _copied(allocate, targets),
        _offsets(frames) * 4 * spec.inputs,
        _offsets(labels) * (spec.outputs if vectors else 4),
        frames,
        labels,
    )


def _copied(allocate: Callable[[int], Memory], values: NDArray[Any]) -> Memory:
    memory = allocate(values.nbytes)
    memory.write(values)
    return memory


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)[:-1]])


def _check(spec: NetworkSpec, x: NDArray[Any], y: NDArray[Any]) -> None:
    T = len(x)
    if T == 0 or x.shape != (T, spec.inputs):
        raise ValueError(f"x must have the shape (T, {spec.inputs}), T > 0, got {x.shape}")
    wanted = {"softmax": (T,), "bernoulli": (T, spec.outputs), "ctc": (len(y),)}[spec.loss]
    if y.shape != wanted:
        raise ValueError(f"the targets of x {x.shape} must have the shape {wanted}: {y.shape}")
    if spec.loss == "bernoulli":
        return
    classes = spec.outputs - (spec.loss == "ctc")
    wrong = np.flatnonzero((y < 0) | (y >= classes))
    if len(wrong):
        raise ValueError(
            f"labels must lie in 0..{classes - 1}, got {y[wrong[0]]} at position {wrong[0]}"
        )
