"""Files that are either whole or not there, on file systems that may lack something."""

import contextlib
import errno
import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

#: What a file system answers that does not know a call, say to chmod on FAT or to link on SMB.
_LACKING = {
    *(errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL),
    *(errno.EMLINK, errno.EXDEV),
}

#: Device → how far its clock is ahead of the monotonic one, and when that was asked.
_clocks: dict[int, tuple[float, float]] = {}


def is_lacking(error: OSError) -> bool:
    """Return whether the error says that the file system does not know the call, or not here."""
    return error.errno in _LACKING


@contextlib.contextmanager
def if_possible() -> Iterator[None]:
    """Do what a file system may lack; other errors pass."""
    try:
        yield
    except OSError as error:
        if not is_lacking(error):
            raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a new file; once written it takes path's place, in one durable step.

    The new file has a name of its own in the same folder, is fsynced and renamed, and the folder is
    fsynced, where the file system can. If the body fails, path stays as it was and the new file
    goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(name)
        with if_possible():
            os.chmod(name, 0o666 & ~_umask())
        _sync(Path(name))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def clear_drafts(path: Path) -> None:
    """Remove drafts of killed writers beside path. The caller must hold the lease on it."""
    for draft in path.parent.glob(f".{path.name}.*"):
        draft.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def time_at(folder: Path) -> float:
    """Return the time by the clock of the folder's file system, in seconds since 1970.

    File servers and hosts disagree. A new file without a name tells, asked once a minute at most;
    this host's clock does where none can be made.
    """
    now = time.monotonic()
    try:
        device = os.stat(folder).st_dev
        ahead, asked = _clocks.get(device, (0.0, -math.inf))
        if now - asked > 60:
            with tempfile.TemporaryFile(dir=folder) as file:
                ahead = os.fstat(file.fileno()).st_mtime - now
            _clocks[device] = (ahead, now)
    except OSError:
        return time.time()
    return ahead + now


def _sync(path: Path) -> None:
    with if_possible():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
