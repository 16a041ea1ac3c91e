"""What a reader fills while it goes through a corpus, the same for all tasks and sources."""

import codecs
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from odyssey.storage.datasets import SPLITS, DataError, Example
from odyssey.tasks import tree

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())  # heard where logging is set up, as in the workflow
Item = TypeVar("Item")
#: Wraps the items a reader walks through, to show progress.
Track = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass
class Corpus:
    """The sequences found so far, with what was read and what was left out.

    The rule for bad input: an item that cannot be read is left out, logged and listed with its
    reason; preparation stops where the corpus itself cannot be understood or a set stays empty.
    A published set that is not complete is noted and no longer comparable.
    """

    description: str
    track: Track = iter
    labels: tuple[str, ...] = ()
    #: whether this is the paper's corpus with the paper's sets
    comparable: bool = False
    #: whether inputs are to be normalised with the training set's mean and variance
    normalise: bool = True
    #: distributions whose version decides what the data are
    packages: tuple[str, ...] = ()
    #: the folder of the corpus, or that of its only file: what ``files`` is relative to
    root: Path = Path()
    splits: dict[str, list[Example]] = field(default_factory=lambda: {name: [] for name in SPLITS})
    #: what was read → SHA-256, see ``tree.digest``
    files: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    #: what is wrong with files that have a good copy beside them
    spoilt: list[str] = field(default_factory=list)

    def read_bytes(self, path: Path) -> bytes:
        """Return a file's content and note its SHA-256; DataError if unreadable."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
        self.files[self._name(path)] = hashlib.sha256(content).hexdigest()
        return content

    def read_copy(self, copies: Sequence[Path], read: Callable[[bytes, str], Item]) -> Item:
        """Return what ``read(content, place)`` makes of the first copy that it can read.

        DataError of the first copy if there is no other.
        """
        trouble: list[str] = []
        for path in copies:
            try:
                found = read(self.read_bytes(path), str(path))
            except DataError as error:
                trouble.append(str(error))
            else:
                self.spoilt += trouble
                return found
        raise DataError(trouble[0] + no_better(trouble))

    def walk(self, folder: Path, *suffixes: str) -> list[Path]:
        """Return all files below a folder that end so, in order, and note which there are.

        Suffixes are in lower case, names may be in upper case. DataError if a folder is closed.
        """
        try:
            paths = tree.ending(tree.walk(folder), *suffixes)
        except OSError as error:
            raise DataError(
                f"{error.filename}: cannot be read ({error.strerror}); make it readable"
            ) from error
        for suffix in suffixes:
            name = f"{self._name(folder)}/*{suffix}".removeprefix("./")
            self.files[name] = tree.names_digest(folder, tree.ending(paths, suffix))
        return paths

    def _name(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else Path(path.name)).as_posix()

    def skip(self, item: str, reason: str) -> None:
        """Leave an item out."""
        item, reason = _one_line(item), _one_line(reason)
        logger.warning("left out %s: %s", item, reason)
        self.skipped[item] = reason

    def note(self, text: str) -> None:
        """Remember what a reader of the results should know."""
        logger.warning("%s", _one_line(text))
        self.notes.append(_one_line(text))

    def note_spoilt(self) -> None:
        """Note how many files were passed over for a good copy, once all are read."""
        if self.spoilt:
            self.note(
                f"{len(self.spoilt)} files that cannot be read have a good copy beside them, which "
                f"was taken; the first: {self.spoilt[0]}"
            )

    def compare(self, expected: Mapping[str, int], what: str, hint: str = "") -> None:
        """Compare the size of each set with the paper's; note those that differ."""
        for name in SPLITS:
            found = len(self.splits[name])
            if found != expected[name]:
                self.differs(f"{name}: {found} {what}, the paper has {expected[name]}{hint}")

    def differs(self, text: str) -> None:
        """Note in what the data are not the paper's."""
        self.comparable = False
        self.note(text)


def no_better(trouble: Sequence[str]) -> str:
    """Return what to say behind the first trouble if other copies were tried in vain."""
    return f" (nor can any of {len(trouble) - 1} copies be read)" if len(trouble) > 1 else ""


def _one_line(text: str) -> str:
    """Return text that every log and page can hold; file names may be of any bytes."""
    printable = text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
    return " ".join(printable.splitlines())


def decode_text(content: bytes) -> str:
    r"""Return text in UTF-8, whatever the locale; Latin-1 where it is none; lines end with \n."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_groups(
    groups: Iterable[str], seed: int, shares: tuple[float, float] = (0.6, 0.2)
) -> dict[str, str]:
    """Return group → ``train``, ``valid`` or ``test``, seeded; whole groups, never parts of one.

    ``shares`` are those of train and valid, rounded to at least one group each where there are
    three. DataError with fewer than three groups.
    """
    names = sorted(set(groups))
    if len(names) < len(SPLITS):
        raise DataError(f"three sets need at least three groups to share out, got {names}")
    order = np.random.default_rng(seed).permutation(len(names))
    valid = max(1, round(shares[1] * len(names)))
    train = min(max(1, round(shares[0] * len(names))), len(names) - valid - 1)
    bounds = {"train": order[:train], "valid": order[train : train + valid]}
    found = {names[k]: name for name, part in bounds.items() for k in part}
    return {name: found.get(name, "test") for name in names}
