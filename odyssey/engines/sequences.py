"""The sequences of a split as kernels want them: flat, and checked once."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.training import Split
from odyssey.losses import get_loss
from odyssey.networks.spec import NetworkSpec


@dataclass(frozen=True)
class Flat:
    """All sequences in one array each: x (N, D) float32, targets (M,) or (M, K) as they came.

    ``frames`` and ``targets_of`` (n,) count the rows of each.
    """

    x: NDArray[np.float32]
    targets: NDArray[Any]
    frames: NDArray[np.int64]
    targets_of: NDArray[np.int64]


@runtime_checkable
class _Joined(Protocol):
    """A split whose sequences lie one after the other already, which saves a copy of all data."""

    inputs: NDArray[Any]
    targets: NDArray[Any]


def flatten(spec: NetworkSpec, split: Split) -> Flat:
    """Return a split's sequences; ValueError for shapes or labels that the network can't take."""
    pairs = [split[k] for k in range(len(split))]
    for x, y in pairs:
        check_sequence(spec, x, y)
    if isinstance(split, _Joined):
        x, targets = split.inputs, split.targets
    else:
        x, targets = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
    frames, targets_of = (
        np.array([len(each) for each in side]) for side in zip(*pairs, strict=True)
    )
    return Flat(np.ascontiguousarray(x, np.float32), targets, frames, targets_of)


def starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of some things begins that lie one after the other."""
    return np.cumsum(lengths) - lengths


def check_sequence(spec: NetworkSpec, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Raise ValueError for a sequence that the network can't take, or its loss."""
    T = len(x)
    if T == 0 or x.shape != (T, spec.inputs):
        raise ValueError(f"x must have the shape (T, {spec.inputs}), T > 0, got {x.shape}")
    get_loss(spec.loss).check_targets(y, T, spec.outputs)
