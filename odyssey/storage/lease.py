"""A lease on a file: one process at a time works on a trial, wherever it runs.

The lease is a small file beside the trial's. Its holder renews it by touching it; who waits for it
takes it over once it has not been renewed for a while by the waiter's own clock, so no clocks are
compared, or at once if the holder was a process of this very machine, since it was switched on, and
is gone. A holder that was taken for dead and comes back finds another's token in the file and must
stop without touching anything.
File locks are not used: on network file systems they may be missing, or outlive a dead node. Hard
links are, where there are any: so a lease has its content from the first instant.
"""

import contextlib
import errno
import json
import logging
import math
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.storage.files import is_lacking, time_at

log = logging.getLogger(__name__)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    sys.exit(f"ODYSSEY_LEASE_SECONDS must be a number of seconds above 0, got {text!r}")


#: A lease that was not renewed for so long, in seconds, is taken over.
EXPIRE_SECONDS = _seconds(os.environ.get("ODYSSEY_LEASE_SECONDS", "300"))
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
                _touch(self._path, self._token)
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
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:  # it is being written
        return {}
    except OSError as error:
        if error.errno != errno.ESTALE:  # on NFS: it was replaced just now
            raise
        return {}
    return content if isinstance(content, dict) else {}


def is_held(path: Path) -> bool:
    """Return whether somebody seems to hold the lease; only looks.

    The age of the lease is told by the file system's own clock, which renews it.
    """
    try:
        holder = read(path)
    except PermissionError:  # a colleague's
        holder = {}
    if holder is None or _is_gone(holder):
        return False
    age = time_at(path.parent) - _renewed(path) / 1e9
    return age < EXPIRE_SECONDS


def name_of(path: Path) -> str:
    """Return who holds the lease at path, in words."""
    return _name(read(path))


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
    content = json.dumps(_myself() | {"token": token}).encode()
    draft = path.with_name(f".{path.name}.{token}")
    try:
        draft.write_bytes(content)
        os.link(draft, path)
    except FileExistsError:
        return _token(path) == token  # a file server that lost its answer has made it all the same
    except OSError as error:
        if not is_lacking(error):
            raise
        return _write_new(path, content) and _token(path) == token
    finally:
        draft.unlink(missing_ok=True)
    return True


def _write_new(path: Path, content: bytes) -> bool:
    """Write a file unless there is one, without hard links; False if there is.

    For an instant it is empty. Who was that slow that it was taken away meanwhile, as of a dead
    process, wrote to a file without a name: so the caller looks whether it is there.
    """
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    with file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            if not is_lacking(error):
                if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                    path.unlink()
                raise
    return True


def _take_away(path: Path, holder: dict[str, Any] | None) -> None:
    """Remove a dead holder's lease; of several that try, one rename succeeds."""
    grave = path.with_name(f".{path.name}.{uuid.uuid4().hex}.dead")
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, grave)
        if read(grave) != holder:  # somebody was faster and holds it alive
            _put_back(grave, path)
        else:
            log.warning("%s: %s is gone, its lease is taken over", path, _name(holder))
        grave.unlink()


def _put_back(grave: Path, path: Path) -> None:
    """Give a living holder its lease back, unless a third has one by now: then it will notice."""
    with contextlib.suppress(FileExistsError):
        try:
            os.link(grave, path)
        except OSError as error:
            if not is_lacking(error):
                raise
            if (
                content := grave.read_bytes()
            ):  # else its writer sees that it is gone, and tries again
                _write_new(path, content)


def _touch(path: Path, token: str) -> None:
    """Give a lease the time of now; where the file system can't, by writing what is in it.

    What is written to is what was read, whatever has the name by then: never another's lease.
    """
    try:
        os.utime(path)
    except OSError as error:
        if not is_lacking(error):
            raise
        with path.open("r+b") as file:
            content = file.read()
            if token.encode() in content:
                file.seek(0)
                file.write(content)


def _renewed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _token(path: Path) -> object:
    return (read(path) or {}).get("token")


def _is_gone(holder: dict[str, Any] | None) -> bool:
    """Whether the holder ran where this process runs, and does no longer.

    In doubt it does: then its lease expires. That holds for leases of older versions too, which
    tell the machine by its name.
    """
    here = _machine()
    if not holder or not here or holder.get("machine") != here:
        return False
    pid, start = holder.get("pid"), holder.get("start")
    if not isinstance(pid, int) or not isinstance(start, int) or pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, maybe hidden in /proc
        return False
    return _start(pid) not in (start, None)


@cache
def _machine() -> str:
    """Return what tells this machine, since it was switched on, and its table of processes.

    Host names and machine ids are the same on clones, numbers of namespaces everywhere; what the
    kernel drew when it started is not. Empty if it can't be told.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        spaces = [os.readlink("/proc/self/ns/pid")]
        if os.path.lexists("/proc/self/ns/time"):  # since Linux 5.6; it shifts the starts
            spaces.append(os.readlink("/proc/self/ns/time"))
        if os.readlink("/proc/self") != str(os.getpid()):  # /proc shows another table
            return ""
    except OSError:
        return ""
    return " ".join([boot, *spaces, platform.node()])


def _start(pid: int) -> int | None:
    """Return when a process started, in ticks since the machine did; None if it can't be told.

    The 22nd number of its row; the second, its name, may hold blanks and brackets.
    """
    try:
        row = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(row.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _myself() -> dict[str, Any]:
    """Tell this process from all others, also from a later one with its number."""
    pid = os.getpid()
    return {"host": platform.node(), "machine": _machine(), "pid": pid, "start": _start(pid)}


def _name(holder: dict[str, Any] | None) -> str:
    if not holder:
        return "nobody known"
    return f"process {holder.get('pid')} on {holder.get('host')}"
