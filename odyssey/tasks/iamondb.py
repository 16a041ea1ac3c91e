"""IAM-OnDB: text lines written on a whiteboard, four inputs a point, 81 characters.

Source: Liwicki and Bunke, ICDAR 2005 (the corpus); Greff et al., section IV-A (sets and inputs).
The tree: ``lineStrokes/a01/a01-000/a01-000u-01.xml`` holds line 1 of board a01-000u,
``ascii/a01/a01-000/a01-000u.txt`` its text after ``CSR:``, four list files name the boards of each
set. A line that cannot be read is left out; a missing list file stops the preparation.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from odyssey.datasets import DataError
from odyssey.tasks.corpus import Corpus
from odyssey.tasks.ink import CHARACTERS, Stroke, line_example

LISTS = {
    "train": ("trainset.txt",),
    "valid": ("testset_v.txt", "testset_t.txt"),
    "test": ("testset_f.txt",),
}
#: Lines of each set in the paper.
LINES = {"train": 5355, "valid": 2956, "test": 3859}
#: PAPER: left out for its eleven % signs.
LEFT_OUT = "a08-551z"

_BOARD = re.compile(r"([a-z]\d{2})-(\d{3})([a-z]?)")
_LINE = re.compile(r"([a-z]\d{2}-\d{3}[a-z]?)-(\d{1,3})\.xml")


def read_iamondb(corpus: Corpus, path: str) -> None:
    """Read the whole corpus with the paper's sets.

    ASSUME: inputs are normalised like TIMIT's, to mean 0 and variance 1 on the training set. PAPER:
    it says "no additional preprocessing", but its noise of up to 1 hardly hurts on IAM-OnDB, so its
    inputs are of order 1.
    """
    root = Path(path)
    corpus.labels = CHARACTERS
    boards = [(name, board) for name in LISTS for board in _listed_boards(corpus, root, name)]
    taken: set[str] = set()
    for name, entry in corpus.track(boards):
        for board in _boards_of_entry(corpus, root, entry):
            if board in taken or board == LEFT_OUT:
                why = "a board of an earlier list" if board in taken else "left out by the paper"
                corpus.skip(board, why)
            else:
                taken.add(board)
                _read_board(corpus, root, board, name)
    for name, expected in LINES.items():
        if len(corpus.splits[name]) != expected:
            found = len(corpus.splits[name])
            corpus.note(f"{name}: {found} lines, the paper has {expected}; see what was left out")
    corpus.comparable = not corpus.notes


def read_strokes(content: bytes, place: str) -> list[Stroke]:
    """Return the strokes of a line file; DataError with the place at fault."""
    try:
        session = ET.fromstring(content)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{place}: expected XML, got: {error}") from error
    strokes = []
    for k, stroke in enumerate(session.iterfind("StrokeSet/Stroke"), start=1):
        try:
            points = [[float(p.attrib[key]) for key in ("x", "y", "time")] for p in stroke]
        except (KeyError, ValueError) as error:
            raise DataError(
                f"{place}: expected points with x, y and time in stroke {k}, got {error}"
            ) from error
        strokes.append(np.array(points, dtype=np.float64).reshape(-1, 3))
    return strokes


def read_lines(content: bytes, place: str) -> list[str]:
    """Return the lines of text of a board, those after ``CSR:``; DataError if it has none."""
    lines = [line.strip() for line in content.decode("latin-1").splitlines()]
    if "CSR:" not in lines:
        raise DataError(f"{place}: expected a line 'CSR:' before the text, got none")
    return [line for line in lines[lines.index("CSR:") + 1 :] if line]


def _listed_boards(corpus: Corpus, root: Path, name: str) -> Iterator[str]:
    for filename in LISTS[name]:
        beside = [root / filename, *sorted(root.glob(f"*/{filename}"))]
        found = next((path for path in beside if path.is_file()), root / filename)
        for row, line in enumerate(corpus.read_bytes(found).decode("latin-1").splitlines(), 1):
            entry = line.strip()
            if entry and not _BOARD.fullmatch(entry):
                raise DataError(f"{found}:{row}: expected a board such as a01-000u, got {entry!r}")
            if entry:
                yield entry


def _folder(root: Path, kind: str, board: str) -> Path:
    """Return the folder of a board in ``lineStrokes`` or ``ascii``."""
    series, number, _ = _BOARD.fullmatch(board).groups()  # type: ignore[union-attr]
    unpacked = root / f"{kind}-all" / kind
    return (unpacked if unpacked.is_dir() else root / kind) / series / f"{series}-{number}"


def _boards_of_entry(corpus: Corpus, root: Path, entry: str) -> list[str]:
    """Return the boards that a list entry means: with its letter, or all letters if it has none."""
    found = {
        m[1]
        for p in _folder(root, "lineStrokes", entry).glob("*")
        if (m := _LINE.fullmatch(p.name))
    }
    if entry in found:
        return [entry]
    alike = sorted(board for board in found if entry in (board[:7], f"{board}{entry[7:]}"))
    if not alike:
        corpus.skip(entry, "a board of the list without stroke files")
    return alike


def _read_board(corpus: Corpus, root: Path, board: str, name: str) -> None:
    folder = _folder(root, "lineStrokes", board)
    paths = {
        int(m[2]): p for p in folder.glob("*") if (m := _LINE.fullmatch(p.name)) and m[1] == board
    }
    try:
        texts = _texts(corpus, root, board)
        if max(paths) != len(texts):
            raise DataError(
                f"{folder}: expected a line of text for each stroke file, got {len(texts)} lines "
                f"and {len(paths)} files up to number {max(paths)}"
            )
    except DataError as error:
        corpus.skip(board, str(error))
        return
    for number, path in sorted(paths.items()):
        _read_line(corpus, path, texts[number - 1], name)


def _texts(corpus: Corpus, root: Path, board: str) -> list[str]:
    path = _folder(root, "ascii", board) / f"{board}.txt"
    without_letter = path.with_name(f"{board[:7]}.txt")
    if not path.is_file() and without_letter.is_file():
        path = without_letter
    return read_lines(corpus.read_bytes(path), str(path))


def _read_line(corpus: Corpus, path: Path, text: str, name: str) -> None:
    try:
        strokes = read_strokes(corpus.read_bytes(path), str(path))
        corpus.splits[name].append(line_example(path.stem, strokes, text))
    except DataError as error:
        corpus.skip(path.stem, str(error))
