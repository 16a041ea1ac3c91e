"""Ragged sequences as flat arrays and offsets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "valid", "test")
FloatArray = NDArray[np.float32]


class DataError(ValueError):
    """Data that are not what they must be: one line with the file, the place and what to do."""


class Example(NamedTuple):
    """One sequence: inputs x (T, D) and targets y, whose kind depends on the task's loss.

    softmax: int32 labels (T,), −1 where a frame does not count; ctc: int32 labels (U,); bernoulli:
    uint8 (T, K); squared: float32 (T, K).
    """

    id: str
    x: NDArray[Any]
    y: NDArray[Any]


@dataclass(frozen=True)
class Split:
    """The sequences of one set: ``split[k]`` is the k-th pair x, y, two views without a copy."""

    inputs: NDArray[Any]
    input_offsets: NDArray[np.int64]
    targets: NDArray[Any]
    target_offsets: NDArray[np.int64]
    ids: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "Split":
        """Join at least one example; inputs keep the dtype of the first."""
        return cls(
            np.concatenate([example.x for example in examples]),
            _offsets([len(example.x) for example in examples]),
            np.concatenate([example.y for example in examples]),
            _offsets([len(example.y) for example in examples]),
            tuple(example.id for example in examples),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if not -len(self) <= k < len(self):  # which also ends an iteration
            raise IndexError(f"the split has {len(self)} sequences, there is no number {k}")
        k %= len(self)
        x = self.inputs[self.input_offsets[k] : self.input_offsets[k + 1]]
        return x, self.targets[self.target_offsets[k] : self.target_offsets[k + 1]]

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        return (self[k] for k in range(len(self)))

    def scaled(self, mean: FloatArray, std: FloatArray) -> "Split":
        """Return (inputs − mean) / std, frame by frame, in float32."""
        return replace(self, inputs=(self.inputs - mean) / std)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each sequence, (n,)."""
        return np.diff(self.input_offsets)


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
