"""Sequences of one's own in one file, HDF5 or .npz: ragged arrays, joined, with their lengths.

Each set is a group, ``train``, ``valid`` or ``test``, of joined arrays (in .npz ``train/x`` is a
name):

    x        (ΣT, D)          the inputs of all sequences, one after the other
    y        (ΣT,), (ΣT, K)   the targets: labels, or numbers
    lengths  (n,)             the frames of each sequence
    targets  (n,)             the targets of each, where these are not as many as its frames
    names    (n,)             what each is called, if given; else its number

and ``labels`` (classes,) beside them names the labels, if given.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from odyssey.storage.files import replacing
from odyssey.storage.sequences import SPLITS, DataError, Example

Pair = tuple[ArrayLike, ArrayLike]
_HDF5, _NPZ = (".h5", ".hdf5"), ".npz"
_HOW = "odyssey.datasets.save_arrays writes such files"


@dataclass(frozen=True)
class Arrays:
    """The sequences of some sets, in order, and the names of labels; empty where there are none."""

    sets: Mapping[str, Sequence[Example]]
    labels: tuple[str, ...] = ()


def save_arrays(
    path: str | Path,
    train: Iterable[Pair],
    valid: Iterable[Pair] | None = None,
    test: Iterable[Pair] | None = None,
    labels: Sequence[str] | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write sequences (x, y) of two or three sets to a file that the source ``arrays`` reads.

    x is (T, D). y is one label for each frame (T,), −1 where a frame does not count; one label of
    the whole sequence, which is then its last frame's; numbers (T, K); or, for CTC, labels (U,).
    The ending of ``path`` decides the format: .npz, .h5 or .hdf5. ``labels`` names the labels,
    ``names`` maps a set to what its sequences are called. Raises DataError, in one line, for what
    can't be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (*_HDF5, _NPZ):
        raise DataError(f"{path}: its name must end in {', '.join((*_HDF5, _NPZ))}")
    given = {"train": train, "valid": valid, "test": test}
    arrays: dict[str, NDArray[Any]] = {}
    width: list[int] = []
    for name, pairs in given.items():
        if pairs is not None:
            own = (names or {}).get(name)
            for key, array in _joined(name, list(pairs), own, width).items():
                arrays[f"{name}/{key}"] = array
    if labels is not None:
        arrays["labels"] = np.array([str(label) for label in labels])
    with replacing(path) as draft:
        if path.suffix.lower() == _NPZ:
            with draft.open("wb") as plain:
                np.savez(plain, **arrays)
        else:
            with h5py.File(draft, "w", locking=False) as file:
                for key, array in arrays.items():
                    file[key] = (
                        array.astype(h5py.string_dtype()) if array.dtype.kind == "U" else array
                    )


def read_arrays(content: bytes, place: str, targets: bool = True) -> Arrays:
    """Return what a file of ``save_arrays`` holds; DataError with ``place`` if it is none.

    A set without ``y`` has empty targets; it is refused where it must have ``targets``.
    """
    with _in_a_line(place):
        arrays = _npz(content) if content[:2] == b"PK" else _hdf5(content)
        sets = {
            name: list(_parted(name, arrays, targets))
            for name in SPLITS
            if any(key.startswith(f"{name}/") for key in arrays)
        }
        if not sets:
            raise ValueError(f"must hold the sets {', '.join(SPLITS)}: {_HOW}")
        return Arrays(sets, tuple(map(str, _texts(arrays.get("labels", np.empty(0, "U1"))))))


def _joined(
    name: str, pairs: list[Pair], own: Sequence[str] | None, width: list[int]
) -> dict[str, NDArray[Any]]:
    """Return a set's arrays; ``width`` gets the first sequence's D, which all must have."""
    if not pairs:
        raise DataError(f"the {name} set must have at least one sequence, has none")
    if own is not None and len(own) != len(pairs):
        raise DataError(
            f"the {name} set must have a name for each of {len(pairs)} sequences, has {len(own)}"
        )
    xs, ys = [], []
    for k, pair in enumerate(pairs):
        with _in_a_line(f"{name} set, sequence {own[k] if own else k}"):
            x, y = map(np.asarray, pair)
            if x.ndim != 2 or 0 in x.shape or x.dtype.kind not in "biuf":
                raise ValueError(
                    f"inputs must be numbers, frames × inputs, are {x.dtype} {_shape(x)}"
                )
            width[:] = width or [x.shape[1]]
            if x.shape[1] != width[0]:
                raise ValueError(f"inputs must be frames × {width[0]}, are {_shape(x)}")
            xs.append(x)
            ys.append(_at_the_end(y, len(x)) if y.ndim == 0 else y)
            if y.dtype.kind not in "biuf" or ys[k].shape[1:] != ys[0].shape[1:] or y.ndim > 2:
                raise ValueError(
                    f"targets must be numbers of one kind in all sequences, are {y.dtype} "
                    f"{_shape(y)}, the first sequence's {ys[0].dtype} {_shape(ys[0])}"
                )
    found = {
        "x": np.concatenate(xs),
        "y": np.concatenate(ys),
        "lengths": np.array([len(x) for x in xs]),
    }
    counts = np.array([len(y) for y in ys])
    if (counts != found["lengths"]).any():
        found["targets"] = counts
    return found | ({"names": np.array([str(each) for each in own])} if own else {})


def _at_the_end(label: NDArray[Any], frames: int) -> NDArray[Any]:
    if label.dtype.kind not in "iu":
        raise ValueError(f"a sequence's label must be an integer, is {label.dtype} {label}")
    found = np.full(frames, -1, np.int64)
    found[-1] = label
    return found


def _parted(name: str, arrays: Mapping[str, NDArray[Any]], targets: bool) -> Iterator[Example]:
    """Yield a set's sequences; ValueError where its arrays do not fit one another."""
    needed = ("x", "y", "lengths") if targets else ("x", "lengths")
    missing = [key for key in needed if f"{name}/{key}" not in arrays]
    if missing:
        raise ValueError(f"the {name} set must have {', '.join(missing)}: {_HOW}")
    x, lengths = (arrays[f"{name}/{key}"] for key in ("x", "lengths"))
    if f"{name}/y" in arrays:
        y, counts = arrays[f"{name}/y"], arrays.get(f"{name}/targets", lengths)
    else:
        y, counts = np.empty(0, np.int64), np.zeros_like(lengths)
    names = _texts(arrays.get(f"{name}/names", np.arange(len(lengths))))
    for what, sizes, rows in (("lengths", lengths, x), ("targets", counts, y)):
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or rows.ndim < 1 or (sizes < 0).any():
            raise ValueError(f"the {what} of the {name} set must be whole numbers from 0")
        if sizes.sum() != len(rows):
            raise ValueError(
                f"the {what} of the {name} set must add up to the {len(rows)} rows of "
                f"{'x' if rows is x else 'y'}, they add up to {sizes.sum()}"
            )
    if not len(lengths) == len(counts) == len(names):
        raise ValueError(
            f"the {name} set must have as many lengths as targets and names, has {len(lengths)}, "
            f"{len(counts)} and {len(names)}"
        )
    ends_x, ends_y = np.cumsum(lengths)[:-1], np.cumsum(counts)[:-1]
    if len(lengths):
        for each in zip(names, np.split(x, ends_x), np.split(y, ends_y), strict=True):
            yield Example(str(each[0]), *each[1:])


def _npz(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _hdf5(content: bytes) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(
            lambda key, item: (
                found.update({key: item[...]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def _texts(values: NDArray[Any]) -> list[str]:
    return [
        each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in values
    ]


def _shape(array: NDArray[Any]) -> str:
    return " × ".join(map(str, array.shape)) or "a single number"


@contextmanager
def _in_a_line(place: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        text = " ".join(str(error).split())
        known = isinstance(error, ValueError) and "must" in text
        raise DataError(
            f"{place}: {text if known else f'must be an HDF5 or .npz file: {text}; {_HOW}'}"
        ) from error
