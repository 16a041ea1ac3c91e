"""How many cores this process may use at the moment: one, unless whoever runs it grants more."""

from typing import Protocol


class Grant(Protocol):
    """A number that may change at any time, such as a ``multiprocessing.Value``."""

    value: int


class _One:
    value = 1


_grant: Grant = _One()


def follow(grant: Grant) -> None:
    """Take the number of cores from ``grant`` from now on."""
    global _grant
    _grant = grant


def granted() -> int:
    """Return how many cores this process may use. Results have the same bits with any number."""
    return _grant.value
