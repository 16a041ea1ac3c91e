"""What a reader fills while it goes through a corpus, the same for all tasks and sources."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from odyssey.datasets import SPLITS, DataError, Example

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
    splits: dict[str, list[Example]] = field(default_factory=lambda: {name: [] for name in SPLITS})
    files: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def read_bytes(self, path: Path, name: str | None = None) -> bytes:
        """Return a file's content and note its SHA-256 under ``name``; DataError if unreadable."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
        self.files[name or path.name] = hashlib.sha256(content).hexdigest()
        return content

    def skip(self, item: str, reason: str) -> None:
        """Leave an item out."""
        logger.warning("left out %s: %s", item, reason)
        self.skipped[item] = reason

    def note(self, text: str) -> None:
        """Remember what a reader of the results should know."""
        logger.warning("%s", text)
        self.notes.append(text)


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
