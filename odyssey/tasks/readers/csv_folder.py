"""Sequences of one's own as CSV files, one a sequence, with a list for each set.

A folder holds ``train.txt``, ``test.txt`` and, if there is one, ``valid.txt``, each with names of
CSV files, one a line; and ``labels.txt`` with the names of the labels, if they have any. The first
line of a CSV file names its columns. ``label`` is the label of a frame, its number or its name;
an empty cell is −1, none. Columns whose names begin with ``target`` are numbers to be learned. All
others are inputs. For a loss whose targets are not of frames the labels that are there count, in
order.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.storage.arrays import Arrays
from odyssey.storage.datasets import SPLITS, DataError, Example
from odyssey.tasks.readers.corpus import Corpus, decode_text


def read_folder(corpus: Corpus, folder: Path, per_frame: bool) -> Arrays:
    """Return the sequences that the lists name; DataError for the first line that is wrong."""
    corpus.walk(folder, ".txt")  # a list that is added later is a change, too
    labels = tuple(_lines(corpus, folder / "labels.txt"))
    sets: dict[str, list[Example]] = {}
    columns: list[str] = []
    for name in SPLITS:
        if (folder / f"{name}.txt").exists():
            sets[name] = [
                _read(corpus, folder / file, columns, labels, per_frame)
                for file in corpus.track(_lines(corpus, folder / f"{name}.txt"))
            ]
    if not sets:
        raise DataError(f"{folder}: must hold train.txt and test.txt, lists of CSV files")
    return Arrays(sets, labels)


def _lines(corpus: Corpus, path: Path) -> list[str]:
    if not path.exists():
        return []
    lines = decode_text(corpus.read_bytes(path)).split("\n")
    return [line.strip() for line in lines if line.strip()]


def _read(
    corpus: Corpus, path: Path, columns: list[str], labels: Sequence[str], per_frame: bool
) -> Example:
    """Return one sequence; ``columns`` gets the first file's, which all must have."""
    rows = [row for row in csv.reader(decode_text(corpus.read_bytes(path)).split("\n")) if row]
    head = [name.strip() for name in rows[0]] if rows else []
    columns[:] = columns or head
    if not head or head != columns or len(rows) < 2:
        raise DataError(
            f"{path}: must have the columns {', '.join(columns) or 'of the others'} in its first "
            f"line and a frame in each other, has {', '.join(head) or 'nothing'} and "
            f"{max(len(rows) - 1, 0)} frames"
        )
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(head):
            raise DataError(f"{path}, line {line}: must have {len(head)} cells, has {len(row)}")
    places = {name: k for k, name in enumerate(head)}
    targets = [k for name, k in places.items() if name.startswith("target")]
    if ("label" in places) == bool(targets):
        raise DataError(
            f"{path}: must have a column label, or columns whose names begin with target, "
            f"has {', '.join(head)}"
        )
    inputs = [k for k in range(len(head)) if k not in targets and k != places.get("label")]
    x = _numbers(path, rows, inputs)
    if targets:
        return Example(path.name, x, _numbers(path, rows, targets))
    y = np.array(
        [_label(path, n, row[places["label"]], labels) for n, row in enumerate(rows[1:], 2)]
    )
    return Example(path.name, x, y if per_frame else y[y != -1])


def _numbers(path: Path, rows: Sequence[Sequence[str]], columns: Sequence[int]) -> NDArray[Any]:
    found = np.empty((len(rows) - 1, len(columns)))
    for n, row in enumerate(rows[1:]):
        for k, column in enumerate(columns):
            try:
                found[n, k] = float(row[column])
            except ValueError as error:
                raise DataError(
                    f"{path}, line {n + 2}, column {rows[0][column]}: must be a number, is "
                    f"{row[column]!r}"
                ) from error
    return found


def _label(path: Path, line: int, cell: str, labels: Sequence[str]) -> int:
    cell = cell.strip()
    if not cell:
        return -1
    if cell in labels:
        return labels.index(cell)
    try:
        return int(cell)
    except ValueError as error:
        known = f" or one of the {len(labels)} names in labels.txt" if labels else ""
        raise DataError(
            f"{path}, line {line}: a label must be a whole number{known}, is {cell!r}"
        ) from error
