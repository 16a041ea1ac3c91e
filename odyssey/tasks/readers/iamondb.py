"""IAM-OnDB: text lines written on a whiteboard, four inputs a point, 81 characters.

Source: Liwicki and Bunke, ICDAR 2005 (the corpus); Greff et al., section IV-A (sets and inputs).
The tree: ``lineStrokes/a01/a01-000/a01-000u-01.xml`` holds line 1 of board a01-000u,
``ascii/a01/a01-000/a01-000u.txt`` its text after ``CSR:``, four list files name the boards of each
set. A line that cannot be read is left out; a missing folder or list file stops the preparation.
"""

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from odyssey.storage.datasets import DataError
from odyssey.tasks import iamondb
from odyssey.tasks.readers.corpus import Corpus, decode_text
from odyssey.tasks.readers.iamondb_files import (
    LISTS,
    Ink,
    Texts,
    listed_boards,
    stroke_files,
    text_files,
)
from odyssey.tasks.readers.ink import CHARACTERS, Stroke, line_example

#: Lines of each set in the paper.
LINES = iamondb.SIZE.sequences
#: PAPER: left out for its eleven % signs.
LEFT_OUT = "a08-551z"

_ENTITY = re.compile(r"&(?:#\d+|#x[\da-f]+|[a-z]+);", re.IGNORECASE)


def read_iamondb(corpus: Corpus, path: str) -> None:
    """Read the whole corpus with the paper's sets.

    ASSUME: inputs are normalised like TIMIT's, to mean 0 and variance 1 on the training set. PAPER:
    it says "no additional preprocessing", but its noise of up to 1 hardly hurts on IAM-OnDB, so its
    inputs are of order 1.
    """
    corpus.root = Path(path)
    corpus.labels = CHARACTERS
    corpus.comparable = True
    ink, texts = stroke_files(corpus), text_files(corpus)
    boards = [(name, board) for name in LISTS for board in listed_boards(corpus, name)]
    taken: set[str] = set()
    for name, entry in corpus.track(boards):
        alike = _boards_of_entry(ink, entry)
        if not alike:
            corpus.skip(entry, "a board of the list without stroke files; copy it again")
        for board in alike:
            if board in taken or board == LEFT_OUT:
                why = "a board of an earlier list" if board in taken else "left out by the paper"
                corpus.skip(board, why)
            else:
                taken.add(board)
                _read_board(corpus, ink[board], texts, board, name)
    corpus.note_spoilt()
    corpus.compare(LINES, "lines", "; see what was left out")


def read_strokes(content: bytes, place: str) -> list[Stroke]:
    """Return the strokes of a line file; DataError with the place at fault."""
    try:
        session = ET.fromstring(content.lstrip())
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{place}: expected XML, got: {error}") from error
    strokes = []
    for k, stroke in enumerate(session.iterfind(".//{*}Stroke"), start=1):
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
    lines = [line.strip("\x1a \t") for line in decode_text(content).split("\n")]
    if "CSR:" not in lines:
        raise DataError(f"{place}: expected a line 'CSR:' before the text, got none")
    return [_without_entities(line) for line in lines[lines.index("CSR:") + 1 :] if line]


def _without_entities(line: str) -> str:
    """Return text in which ``&quot;`` is a quotation mark, even where it became ``&amp;quot;``."""
    for _ in range(2):
        line = _ENTITY.sub(lambda entity: html.unescape(entity[0]), line)
    return line


def _boards_of_entry(ink: Ink, entry: str) -> list[str]:
    """Return the boards that a list entry means: with its letter, or all letters if it has none."""
    if entry in ink:
        return [entry]
    return sorted(board for board in ink if entry in (board[:7], f"{board}{entry[7:]}"))


def _read_board(
    corpus: Corpus, ink: Mapping[int, list[Path]], texts: Texts, board: str, name: str
) -> None:
    """Read the lines of a board: the text's line of that number belongs to a stroke file."""
    try:
        lines = _texts(corpus, texts, board, next(iter(ink.values()))[0])
    except DataError as error:
        corpus.skip(board, str(error))
        return
    for number in range(1, max([*ink, len(lines)]) + 1):
        id_ = f"{board}-{number:02}"
        if number not in ink:
            corpus.skip(id_, f"expected a stroke file for the text's line {number}, got none")
        elif number > len(lines):
            corpus.skip(id_, f"expected a text for each stroke file, got {len(lines)} lines of it")
        else:
            _read_line(corpus, ink[number], id_, lines[number - 1], name)


def _texts(corpus: Corpus, texts: Texts, board: str, beside: Path) -> list[str]:
    copies = texts.get(board, []) + texts.get(board[:7], [])
    if not copies:  # the only board of this form, under another letter
        alike = [name for name in texts if name[:7] == board[:7]]
        copies = texts[alike[0]] if len(alike) == 1 and len(board) == 7 else []
    if not copies:
        raise DataError(f"{beside}: expected its text {board}.txt below ascii, got none")
    return corpus.read_copy(copies, read_lines)


def _read_line(corpus: Corpus, copies: list[Path], id_: str, text: str, name: str) -> None:
    try:
        strokes = corpus.read_copy(copies, read_strokes)
        corpus.splits[name].append(line_example(id_, strokes, text))
    except DataError as error:
        corpus.skip(id_, str(error))
