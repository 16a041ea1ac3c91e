"""The files of IAM-OnDB, wherever below the corpus's folder and in whatever case they lie."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from odyssey.storage.datasets import DataError
from odyssey.tasks import tree
from odyssey.tasks.readers.corpus import Corpus, decode_text

LISTS = {
    "train": ("trainset.txt",),
    "valid": ("testset_v.txt", "testset_t.txt"),
    "test": ("testset_f.txt",),
}
#: board → number of the line → its stroke files, copies behind each other
Ink = Mapping[str, Mapping[int, list[Path]]]
#: board → its text files, copies behind each other
Texts = Mapping[str, list[Path]]

_BOARD = re.compile(r"[a-z]\d{2}-\d{3}[a-z]?")
_LINE = re.compile(r"([a-z]\d{2}-\d{3}[a-z]?)-(\d{1,3})\.xml")
_ARCHIVES = (".gz", ".tgz", ".tar", ".zip", ".bz2", ".7z")
_COMMENTS = ("#", "%", ";", "//")


def stroke_files(corpus: Corpus) -> Ink:
    """Return the stroke files of all lines; DataError without a folder ``lineStrokes``."""
    found: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in corpus.walk(_folder(corpus.root, "lineStrokes"), ".xml"):
        if line := _LINE.fullmatch(path.name.lower()):
            found[line[1]][int(line[2])].append(path)
    return found


def text_files(corpus: Corpus) -> Texts:
    """Return the text files of all boards; DataError without a folder ``ascii``."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in corpus.walk(_folder(corpus.root, "ascii"), ".txt"):
        found[path.stem.lower()].append(path)
    return found


def listed_boards(corpus: Corpus, name: str) -> Iterator[str]:
    """Yield the boards of a set's lists; DataError for a missing list and for other words in it."""
    for filename in LISTS[name]:
        path = tree.find(corpus.root, filename)
        if path is None:
            raise DataError(
                f"{corpus.root}: expected the list {filename} in it, got none; the four lists of "
                "boards (trainset, testset_v, testset_t, testset_f) come with IAM-OnDB's task"
            )
        rows = decode_text(corpus.read_bytes(path)).split("\n")
        for row, line in enumerate(rows, start=1):
            entry = line.partition("#")[0].strip("\x1a \t\ufeff")
            if not entry or entry.startswith(_COMMENTS):
                continue
            board = PurePosixPath(entry.lower().replace("\\", "/")).name
            board = board.removesuffix(".txt").removesuffix(".xml")
            if not _BOARD.fullmatch(board):
                raise DataError(f"{path}:{row}: expected a board such as a01-000u, got {entry!r}")
            yield board


def _folder(root: Path, name: str) -> Path:
    """Return the folder of that name in the corpus, or of the name under which it unpacks."""
    for alike in (name, f"{name}-all"):
        if found := tree.find(root, alike, folder=True):
            return found
    inside = [entry.name for entry in tree.entries_of(root)]
    packed = (entry for entry in inside if entry.lower().endswith(_ARCHIVES))
    if archive := next((n for n in packed if n.lower().startswith(name.lower())), None):
        advice = f"unpack {archive}"
    elif above := [p for p in root.absolute().parents[:3] if _holds(p, name)]:
        advice = f"set path to {above[0]}"
    else:
        advice = f"got {', '.join(inside[:5]) or 'nothing'}; check the path"
    raise DataError(f"{root}: expected a folder {name} in it, there is none; {advice}")


def _holds(place: Path, name: str) -> bool:
    return any(tree.inside(place, alike) for alike in (name, f"{name}-all"))
