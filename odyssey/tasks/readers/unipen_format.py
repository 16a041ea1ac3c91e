"""Files of UNIPEN 1.0: what one and its includes hold, and the ink of a segment.

Source: Guyon et al., ICPR 1994; the format definition of UNIPEN 1.0. A file of ``data/`` names its
texts (``.SEGMENT TEXT first-last quality "label"``) and includes the ink from ``include/``. First
and last count the blocks of points, pen-down and pen-up alike; ``3:7`` is point 7 of block 3, and
commas part several ranges.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odyssey.storage.datasets import DataError
from odyssey.tasks import tree
from odyssey.tasks.readers.corpus import Corpus, decode_text
from odyssey.tasks.readers.ink import Stroke

DEEPEST = 8  # levels of .INCLUDE

_SEGMENT = re.compile(
    r'TEXT\s+([\d:,\s-]+?)\s+(?:[^\s"\d]\S*\s+)?"((?:[^"\\]|\\.)*)"\s*', re.DOTALL
)
_RANGE = re.compile(r"(\d+)(?::(\d+))?(?:-(\d+)(?::(\d+))?)?")


class Range(NamedTuple):
    """Ink from a block to another, both included; None stands for all points of the block."""

    first: int
    first_point: int | None
    last: int
    last_point: int | None


class Segment(NamedTuple):
    """A text and its ink; ``place`` is file and row, ``name`` the ranges as they are written."""

    place: str
    name: str
    ranges: tuple[Range, ...]
    text: str


@dataclass
class Document:
    """What one file and its includes hold."""

    writer: str = ""
    rate: float = 0.0  # points per second
    columns: tuple[str, ...] = ("X", "Y")
    #: pen down?, points (n, 2) with y growing upwards
    blocks: list[tuple[bool, NDArray[np.float64]]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)


def read_document(corpus: Corpus, path: Path, include: Path) -> Document:
    """Return a file with its includes; DataError with file and line at fault."""
    document = Document()
    _read_into(document, corpus, path, include, 0)
    return document


def strokes_of(document: Document, segment: Segment) -> list[Stroke]:
    """Return the pen-down ink of a segment, y growing downwards, times from the rate."""
    if not document.rate > 0:
        raise DataError("expected .POINTS_PER_SECOND before the ink, got none")
    strokes = []
    for down, points in (block for part in segment.ranges for block in _cut(document, part)):
        if down:
            time = np.arange(len(points)) / document.rate
            strokes.append(np.column_stack([points[:, 0], -points[:, 1], time]))
    if not strokes:
        raise DataError("expected at least one stroke with a point, got none")
    return strokes


def _cut(document: Document, part: Range) -> list[tuple[bool, NDArray[np.float64]]]:
    """Return the blocks of a range, the first and the last one from or to their point."""
    blocks = document.blocks[part.first : part.last + 1]
    if not part.first <= part.last < len(document.blocks):
        raise DataError(
            f"expected a segment within {len(document.blocks)} blocks, got {part.first}-{part.last}"
        )
    ends = ((part.first_point, blocks[0][1]), (part.last_point, blocks[-1][1]))
    if any(point is not None and point >= len(points) for point, points in ends):
        raise DataError(
            f"expected points within blocks of {len(ends[0][1])} and {len(ends[1][1])} points, "
            f"got {part.first_point} and {part.last_point}"
        )
    if part.last_point is not None:  # before the other end: both may lie in one block
        blocks[-1] = (blocks[-1][0], blocks[-1][1][: part.last_point + 1])
    if part.first_point is not None:
        blocks[0] = (blocks[0][0], blocks[0][1][part.first_point :])
    return [block for block in blocks if len(block[1])]


def _read_into(document: Document, corpus: Corpus, path: Path, include: Path, depth: int) -> None:
    for row, keyword, value in _statements(decode_text(corpus.read_bytes(path))):
        place = f"{path}:{row}"
        try:
            if keyword == "INCLUDE":
                if inner := _included(corpus, value, include, depth):
                    _read_into(document, corpus, inner, include, depth + 1)
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


def _included(corpus: Corpus, value: str, include: Path, depth: int) -> Path | None:
    """Return an included file, in whatever case; None for a missing word list, which is noted."""
    name = value.partition("\n")[0].strip().replace("\\", "/")
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts or not inner.parts:
        raise ValueError(f"{name!r}, which is not below include/")
    if depth >= DEEPEST:
        raise ValueError(f"{name!r} more than {DEEPEST} files deep")
    found = tree.inside(include, name)
    if found is None and inner.suffix.lower() == ".lex":
        corpus.skip(f"include/{name}", "a word list that is missing; no ink or text is in it")
        return None
    return found or include / name  # which says that it cannot be read


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
    wanted = 'expected .SEGMENT TEXT first-last quality "label"'
    found = _SEGMENT.fullmatch(value)
    if not found:
        corpus.skip(place, f"{wanted}, got {' '.join(value.split())[:80]!r}")
        return
    name, label = "".join(found[1].split()), found[2]
    ranges = [_RANGE.fullmatch(part) for part in name.split(",")]
    if not all(ranges):
        corpus.skip(place, f"{wanted}, got the blocks {name[:80]!r}")
        return
    text = re.sub(r"\\(.)", lambda m: {"n": " ", "t": " "}.get(m[1], m[1]), label)
    parts = tuple(_range(*part.groups()) for part in ranges if part)
    document.segments.append(Segment(place, name, parts, text))


def _range(first: str, point: str | None, last: str | None, last_point: str | None) -> Range:
    """Return a range from its numbers; ``3`` and ``3:7`` are a block and a point of it alone."""
    if last is None:
        last, last_point = first, point
    points = (None if text is None else int(text) for text in (point, last_point))
    return Range(int(first), next(points), int(last), next(points))


def _points(value: str, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Return x and y of the rows of a block, (n, 2); ValueError if they are not rows of numbers."""
    rows = np.array([float(number) for number in value.split()]).reshape(-1, len(columns))
    return rows[:, [columns.index("X"), columns.index("Y")]]
