"""A lease on a file: one process at a time works on a trial, wherever it runs.

The lease is a small file beside the trial's. Its holder renews it by touching it; who waits for it
takes it over once it has not been renewed for a while by the waiter's own clock, so no clocks are
compared, or at once if the holder was a process of this host and is gone. A holder that was taken
for dead and comes back finds another's token in the file and must stop without touching anything.
File locks are not used: on network file systems they may be missing, or outlive a dead node.
"""

import contextlib
import json
import logging
import os
import platform
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

log = logging.getLogger(__name__)

#: A lease that was not renewed for so long, in seconds, is taken over.
EXPIRE_SECONDS = float(os.environ.get("ODYSSEY_LEASE_SECONDS", "300"))
#: A holder renews its lease this often, in seconds, whenever its loop comes by.
RENEW_SECONDS = EXPIRE_SECONDS / 15
_POLL_SECONDS = 0.5


class LeaseLost(RuntimeError):
    """Another process has taken this one for dead and works on the trial now."""


class Lease:
    """A lease that this process holds."""

    def __init__(self, path: Path, token: str) -> None:
        self._path, self._token = path, token
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """Show that the holder is alive; cheap enough to be called after every run."""
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self.check()
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._path)
            self._renewed = time.monotonic()

    def check(self) -> None:
        """Raise LeaseLost unless the lease is still ours: to be called before every write."""
        holder = read(self._path)
        if holder is None or holder.get("token") != self._token:
            raise LeaseLost(
                f"{self._path}: this process was taken for dead, {_name(holder)} goes on; "
                "nothing was written"
            )


@contextlib.contextmanager
def holding(path: Path) -> Iterator[Lease]:
    """Hold the lease at path; waits while another process does."""
    token = uuid.uuid4().hex
    _acquire(path, token)
    lease = Lease(path, token)
    try:
        yield lease
    finally:
        with contextlib.suppress(LeaseLost, FileNotFoundError):
            lease.check()
            path.unlink()


def read(path: Path) -> dict[str, Any] | None:
    """Return host, pid and token of a lease's holder; None if there is no lease."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:  # it is being written
        return {}
    return content if isinstance(content, dict) else {}


def is_held(path: Path) -> bool:
    """Return whether somebody seems to hold the lease; only looks."""
    holder = read(path)
    age = time.time() - _renewed(path) / 1e9
    return holder is not None and age < EXPIRE_SECONDS and not _is_gone(holder)


def _acquire(path: Path, token: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seen, since = None, time.monotonic()
    while not _create(path, token):
        holder, renewed = read(path), _renewed(path)
        if seen is None:
            log.info("%s: waiting, %s holds it", path, _name(holder))
        if (holder, renewed) != seen:
            seen, since = (holder, renewed), time.monotonic()
        if _is_gone(holder) or time.monotonic() - since > EXPIRE_SECONDS:
            _take_away(path, holder)
        else:
            time.sleep(_POLL_SECONDS)


def _create(path: Path, token: str) -> bool:
    """Make the lease file unless there is one, with its content from the first instant."""
    draft = path.with_name(f".{path.name}.{token}")
    try:
        draft.write_text(json.dumps(_myself() | {"token": token}), encoding="utf-8")
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _take_away(path: Path, holder: dict[str, Any] | None) -> None:
    """Remove a dead holder's lease; of several that try, one rename succeeds."""
    grave = path.with_name(f".{path.name}.{uuid.uuid4().hex}.dead")
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, grave)
        if read(grave) != holder:  # somebody was faster and holds it alive
            with contextlib.suppress(FileExistsError):
                os.link(grave, path)
        else:
            log.warning("%s: %s is gone, its lease is taken over", path, _name(holder))
        grave.unlink()


def _renewed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _is_gone(holder: dict[str, Any] | None) -> bool:
    """Whether the holder ran where this process runs, and does no longer."""
    me = _myself()
    if not holder or any(holder.get(key) != me[key] for key in ("host", "pid_namespace")):
        return False
    try:
        return bool(psutil.Process(int(holder["pid"])).create_time() != holder["born"])
    except psutil.NoSuchProcess:
        return True


def _myself() -> dict[str, Any]:
    """Tell this process from all others, also from a later one with its number."""
    return {
        "host": platform.node(),
        "pid_namespace": os.readlink("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "born": psutil.Process().create_time(),
    }


def _name(holder: dict[str, Any] | None) -> str:
    if not holder:
        return "nobody known"
    return f"process {holder.get('pid')} on {holder.get('host')}"
