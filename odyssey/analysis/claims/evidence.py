"""What a check of a claim returns: does the claim hold on a task, and by which numbers."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from odyssey.analysis.findings import Findings


class Evidence(NamedTuple):
    """Whether a claim holds on one task (None: cannot say), and the numbers in words."""

    holds: bool | None
    words: str


Check = Callable[[Findings, str], Evidence]


def all_hold(holds: Iterable[bool | None]) -> bool | None:
    """Return whether all hold: one that fails decides, one that is unknown leaves it open."""
    values = list(holds)
    return False if False in values else None if None in values else True
