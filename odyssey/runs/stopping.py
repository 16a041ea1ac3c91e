"""Requests to stop, by signal: SIGTERM, SIGINT and SIGUSR1, SLURM's warning before a time limit.

A handler only notes the request; the training loop looks at it where stopping is safe.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

_requested: list[int] = []
_parent: list[int] = []


class Stopped(RuntimeError):
    """Work ended on request; all of it that was done is saved."""


def on_request(act: Callable[[], None] | None = None) -> None:
    """Note the stop signals and the parent's death from now on; call ``act`` at each signal."""

    def handle(number: int, _frame: FrameType | None) -> None:
        _requested.append(number)
        if act is not None:
            act()

    _requested.clear()
    _parent[:] = [os.getppid()]
    for number in STOP_SIGNALS:
        signal.signal(number, handle)


@contextmanager
def watching(act: Callable[[], None]) -> Iterator[None]:
    """Do ``on_request`` for a while, and leave signals as they were."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    on_request(act)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _requested.clear()
        _parent.clear()


def requested() -> str | None:
    """Return what asked to stop, if anything did: a signal's name, or the parent's death."""
    if _requested:
        return signal.Signals(_requested[0]).name
    return "the end of its parent process" if orphaned() else None


def orphaned() -> bool:
    """Return whether the process that started this one has gone since ``on_request``."""
    return bool(_parent) and os.getppid() != _parent[0]


def pass_on(pids: list[int]) -> None:
    """Ask processes to stop; those that are gone need not."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGUSR1)
        except ProcessLookupError:
            continue
