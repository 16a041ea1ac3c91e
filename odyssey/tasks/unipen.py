"""UNIPEN, the free train_r01_v07 corpus: handwritten lines of many contributors, for the same net.

Source: Guyon et al., ICPR 1994; the format definition of UNIPEN 1.0. A file of ``data/`` names its
texts (``.SEGMENT TEXT first-last quality "label"``) and includes the ink from ``include/``. First
and last count the blocks of points, pen-down and pen-up alike. A segment that cannot be read is
left out, and so is a file whose ink cannot.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from odyssey.datasets import DataError, Example
from odyssey.tasks.corpus import Corpus, split_groups
from odyssey.tasks.ink import CHARACTERS, Stroke, line_example, scaled_to_line

#: Free text; the other categories hold words and characters.
CATEGORY = "8"
DEEPEST = 8  # levels of .INCLUDE

_SEGMENT = re.compile(r'TEXT\s+(\d+)(?:-(\d+))?\s+\S+\s+"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)


@dataclass
class Document:
    """What one file and its includes hold."""

    writer: str = ""
    rate: float = 0.0  # points per second
    columns: tuple[str, ...] = ("X", "Y")
    #: pen down?, points (n, 2) with y growing upwards
    blocks: list[tuple[bool, NDArray[np.float64]]] = field(default_factory=list)
    #: place, first and last block, text
    segments: list[tuple[str, int, int, str]] = field(default_factory=list)


def read_unipen(corpus: Corpus, path: str, seed: int = 1) -> None:
    """Read the free text, share out writers 60/20/20, seeded."""
    root = Path(path)
    corpus.labels = CHARACTERS
    paths = sorted((root / "data" / CATEGORY).rglob("*.dat"))
    if not paths:
        raise DataError(
            f"{root}: expected files data/{CATEGORY}/**/*.dat, got none; check the path"
        )
    writers: dict[str, str] = {}
    examples: list[Example] = []
    for file in corpus.track(paths):
        name = file.relative_to(root / "data").as_posix()
        try:
            document = read_document(corpus, file, root / "include")
        except DataError as error:
            corpus.skip(name, str(error))
            continue
        for example in _examples(corpus, name, document):
            examples.append(example)
            # Contributors number their writers on their own.
            writers[example.id] = f"{name.split('/')[1]}/{document.writer or name}"
    sets = split_groups(writers.values(), seed)
    for example in examples:
        corpus.splits[sets[writers[example.id]]].append(example)


def read_document(corpus: Corpus, path: Path, include: Path) -> Document:
    """Return a file with its includes; DataError with file and line at fault."""
    document = Document()
    _read_into(document, corpus, path, include, 0)
    return document


def _examples(corpus: Corpus, name: str, document: Document) -> Iterator[Example]:
    for place, first, last, text in document.segments:
        id_ = f"{name}#{first}-{last}"
        try:
            yield line_example(id_, scaled_to_line(_strokes(document, first, last)), text)
        except DataError as error:
            corpus.skip(id_, f"{place}: {error}")


def _strokes(document: Document, first: int, last: int) -> list[Stroke]:
    """Return the pen-down blocks first to last, y growing downwards, times from the rate."""
    if not first <= last < len(document.blocks):
        raise DataError(
            f"expected a segment within {len(document.blocks)} blocks, got {first}-{last}"
        )
    if not document.rate > 0:
        raise DataError("expected .POINTS_PER_SECOND before the ink, got none")
    strokes = []
    for down, points in document.blocks[first : last + 1]:
        if down:
            time = np.arange(len(points)) / document.rate
            strokes.append(np.column_stack([points[:, 0], -points[:, 1], time]))
    if not strokes:
        raise DataError("expected at least one stroke with a point, got none")
    return strokes


def _read_into(document: Document, corpus: Corpus, path: Path, include: Path, depth: int) -> None:
    text = corpus.read_bytes(path, path.relative_to(include.parent).as_posix()).decode("latin-1")
    for row, keyword, value in _statements(text):
        place = f"{path}:{row}"
        try:
            if keyword == "INCLUDE":
                _read_into(document, corpus, _included(value, include, depth), include, depth + 1)
            elif keyword == "SEGMENT" and value.startswith("TEXT"):
                _add_segment(document, corpus, value, place)
            else:
                _apply(document, keyword, value)
        except (ValueError, OverflowError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{place}: expected a proper .{keyword}, got {error}") from error


def _statements(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield row, keyword and everything up to the next line that starts with a dot and a letter."""
    parts = re.split(r"(?m)^\.([A-Z][A-Z_0-9]*)", text)
    row = 1 + parts[0].count("\n")
    for keyword, value in zip(parts[1::2], parts[2::2], strict=True):
        yield row, keyword, value.strip()
        row += value.count("\n")


def _included(value: str, include: Path, depth: int) -> Path:
    inner = PurePosixPath(value)
    if inner.is_absolute() or ".." in inner.parts or not inner.parts:
        raise ValueError(f"{value!r}, which is not below include/")
    if depth >= DEEPEST:
        raise ValueError(f"{value!r} more than {DEEPEST} files deep")
    return include / inner


def _apply(document: Document, keyword: str, value: str) -> None:
    if keyword == "WRITER_ID":
        document.writer = value.split("\n")[0].strip()
    elif keyword == "POINTS_PER_SECOND":
        document.rate = float(value.split()[0] if value else "nothing")
    elif keyword == "COORD":
        document.columns = tuple(value.split())
    elif keyword in ("PEN_DOWN", "PEN_UP") and value:
        document.blocks.append((keyword == "PEN_DOWN", _points(value, document.columns)))


def _add_segment(document: Document, corpus: Corpus, value: str, place: str) -> None:
    found = _SEGMENT.fullmatch(value)
    if not found:
        wanted = 'expected .SEGMENT TEXT first-last quality "label"'
        corpus.skip(place, f"{wanted}, got {' '.join(value.split())[:80]!r}")
        return
    first, last, label = found.groups()
    text = re.sub(r"\\(.)", lambda m: {"n": " ", "t": " "}.get(m[1], m[1]), label)
    document.segments.append((place, int(first), int(last or first), text))


def _points(value: str, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Return x and y of the rows of a block, (n, 2); ValueError if they are not rows of numbers."""
    rows = np.array([float(number) for number in value.split()]).reshape(-1, len(columns))
    return rows[:, [columns.index("X"), columns.index("Y")]]
