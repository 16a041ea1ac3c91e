"""Turns: of several Snakemakes at once in one folder, one works and the others wait.

Leases keep two processes off a trial, but a job begins with deleting what its rule declares, which
another Snakemake's next job may be about to read. Snakemake's own lock outlives a kill; a lease
does not.
"""

import atexit
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from odyssey.storage.lease import RENEW_SECONDS, Lease, LeaseLost, holding, is_held, name_of


def take_turn(path: Path, say: Callable[[str], None]) -> bool:
    """Return False once this process holds the lease at path, until it ends.

    Return True if it had to wait for another to end. It holds nothing then: it is to start again,
    under its own number, whose lease it would wait for.
    """
    if is_held(path):
        say(f"Waiting: {name_of(path)} works on {path.parent} now; Ctrl-C to give up")
        with holding(path):
            return True
    held = contextlib.ExitStack()
    lease = held.enter_context(holding(path))
    atexit.register(held.close)
    threading.Thread(target=_renew, args=(lease,), daemon=True).start()
    return False


def _renew(lease: Lease) -> None:
    # A holder that was suspended and lost it goes on: trials have leases of their own.
    with contextlib.suppress(LeaseLost, OSError):
        while True:
            time.sleep(RENEW_SECONDS)
            lease.renew()
