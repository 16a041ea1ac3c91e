"""Data of one's own: a file or a folder of sequences, whatever they are of."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.losses import Loss, get_loss
from odyssey.storage.arrays import Arrays, read_arrays
from odyssey.storage.datasets import DataError, Example
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.csv_folder import read_folder

_MOST = 1e30
#: Of a network, at most: labels that are somebody's numbers of things would ask for any.
MOST_OUTPUTS = 100_000


def read(
    corpus: Corpus,
    path: str,
    loss: str,
    normalise: bool = True,
    valid_fraction: float | None = None,
    seed: int = 1,
    **_row: Any,
) -> None:
    """Fill a corpus with the sequences at ``path``; further options are the task's row's."""
    corpus.normalise = normalise
    found, kind = _opened(corpus, Path(path), get_loss(loss).targets.per_frame), get_loss(loss)
    corpus.labels = found.labels
    corpus.description = f"{Path(path).name}, data of one's own"
    for name, examples in found.sets.items():
        corpus.splits[name] = [converted(example, kind, f"{name} set") for example in examples]
    _split(corpus, valid_fraction, seed, path)
    for name, examples in corpus.splits.items():
        if not examples:
            raise DataError(f"{path}: the {name} set must have at least one sequence, has none")


def ends_of(corpus: Corpus, loss: str, outputs: int | None) -> tuple[int, int]:
    """Return inputs D and outputs K of a corpus: K of its targets, its labels or as it is said."""
    kind, first = get_loss(loss), corpus.splits["train"][0]
    if kind.targets.vectors:
        found = first.y.shape[1]
    else:
        most = max(
            (int(each.y.max()) for all_ in corpus.splits.values() for each in all_ if len(each.y)),
            default=0,
        )
        found = kind.outputs(len(corpus.labels) or max(most, 0) + 1)
    if found > MOST_OUTPUTS:
        raise DataError(
            f"the network of these targets must have at most {MOST_OUTPUTS} outputs, would have "
            f"{found}: number labels from 0 without gaps"
        )
    return first.x.shape[1], outputs or found


def _opened(corpus: Corpus, path: Path, per_frame: bool) -> Arrays:
    if path.is_dir():
        corpus.root = path
        return read_folder(corpus, path, per_frame)
    corpus.root = path.parent
    return read_arrays(corpus.read_bytes(path), str(path))


def _split(corpus: Corpus, fraction: float | None, seed: int, path: str) -> None:
    """Take a validation set from the training set where there is none."""
    if corpus.splits["valid"]:
        if fraction is not None:
            corpus.note(f"valid_fraction has no effect: {Path(path).name} has a validation set")
        return
    if fraction is None:
        raise DataError(
            f"{path}: must have a valid set, has none: set valid_fraction to take it from the "
            "training set"
        )
    train = corpus.splits["train"]
    count = max(1, round(fraction * len(train)))
    if count >= len(train):
        raise DataError(
            f"{path}: the train set must have more than the {count} sequences of which "
            f"valid_fraction={fraction} makes a validation set, has {len(train)}"
        )
    chosen = set(np.random.default_rng(seed).permutation(len(train))[:count].tolist())
    corpus.splits["train"] = [each for k, each in enumerate(train) if k not in chosen]
    corpus.splits["valid"] = [each for k, each in enumerate(train) if k in chosen]


def converted(example: Example, loss: Loss, where: str) -> Example:
    """Return inputs and targets as prepared data hold them, but for what they are scaled with.

    DataError, with ``where`` in front, where they can't be.
    """
    x, y = example.x, example.y
    place = f"{where}, sequence {example.id}"
    if loss.targets.vectors and y.ndim == 1:
        y = y[:, None]
    if y.ndim != 1 + loss.targets.vectors:
        words = "frames × outputs" if loss.targets.vectors else "one label per row"
        raise DataError(f"{place}: targets must be {words}, are {' × '.join(map(str, y.shape))}")
    if x.ndim != 2:
        raise DataError(
            f"{place}: inputs must be frames × inputs, are {' × '.join(map(str, x.shape))}"
        )
    if x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
        raise DataError(f"{place}: must be numbers, got {x.dtype} and {y.dtype}")
    if not (np.abs(x) < _MOST).all():
        frame, column = np.argwhere(~(np.abs(x) < _MOST))[0][:2]
        raise DataError(
            f"{place}: inputs must be finite numbers below {_MOST:g}, got {x[frame, column]} at "
            f"frame {frame}, input {column}"
        )
    _check_values(y, loss, place)
    return Example(example.id, _as_floats(x), y.astype(loss.targets.dtype))


def _check_values(y: NDArray[Any], loss: Loss, place: str) -> None:
    """Check targets as they came: rounded ones may look legal. Which labels exist is seen later."""
    try:
        loss.check_values(y, y.shape[1] if y.ndim == 2 else np.iinfo(np.int32).max)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error


def _as_floats(x: NDArray[Any]) -> NDArray[Any]:
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)
