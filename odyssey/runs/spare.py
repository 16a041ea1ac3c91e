"""Cores that a job has left over: a second one for the largest trials that run, once none waits."""

import threading
from multiprocessing import get_context

from odyssey.engines.cores import Grant


class SpareCores:
    """Shares out a job's cores: one for each slot, and a second one of those that are left over.

    A slot trains one trial at a time, in a process that follows the slot's grant, until none waits.
    """

    def __init__(self, cores: int, slots: int) -> None:
        self._lock = threading.Lock()
        self._idle = cores - slots
        self._running: dict[int, tuple[float, Grant]] = {}

    def slot(self) -> Grant:
        """Return the grant of a new slot, in memory that its process can share."""
        grant: Grant = get_context("spawn").RawValue("i", 1)
        return grant

    def begin(self, grant: Grant, size: float) -> None:
        """Note how large the trial is that a slot trains from now on."""
        with self._lock:
            self._running[id(grant)] = size, grant
            self._share()

    def close(self, grant: Grant) -> None:
        """Share out the cores of a slot for which there is nothing left."""
        with self._lock:
            self._running.pop(id(grant), None)
            self._idle, grant.value = self._idle + grant.value, 1
            self._share()

    def _share(self) -> None:
        for _, grant in sorted(self._running.values(), key=lambda row: row[0], reverse=True):
            if self._idle > 0 and grant.value == 1:
                grant.value, self._idle = 2, self._idle - 1
