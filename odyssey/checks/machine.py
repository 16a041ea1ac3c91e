"""Checks of the machine: account, locale, folders and what their file systems can do, limits.

They write small files of their own and remove them. Nothing but the standard library is needed.
"""

import contextlib
import fcntl
import locale
import multiprocessing
import os
import pwd
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from odyssey.checks.check import Row, fail, ok, warn

_LEAST, _ENOUGH = 200 * 2**20, 4 * 2**30  # bytes: of any study, of the paper's
_FEW_FILES, _FEW_PROCESSES, _FEW_INODES = 256, 200, 20_000
_SKEW = 2.0  # seconds


def check_locale() -> Row:
    """Check the encoding of names and output; files are read and written as UTF-8 anyway."""
    names, output = sys.getfilesystemencoding(), sys.stdout.encoding or "none"
    text = f"{locale.getlocale()[0] or 'C'}, names of files in {names}, output in {output}"
    if names.lower().replace("-", "") == "utf8":
        return ok("locale", text)
    advice = "paths with other than ASCII characters may not be found: export LC_ALL=C.UTF-8"
    return warn("locale", f"{text}; files are UTF-8 all the same, but {advice}")


def check_account() -> Iterator[Row]:
    """Check the user's entry and home folder."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
        yield ok("account", f"{name}, user {os.getuid()}")
    except KeyError:
        text = f"user {os.getuid()} has no entry in /etc/passwd"
        yield warn("account", f"{text}; if a tool misses it: export HOME=… USER=…, or add one")
    home = os.path.expanduser("~")
    if os.access(home, os.W_OK) and home != "~":
        yield ok("home", home)
        return
    text = f"{home} can't be written: caches are made anew by each process"
    yield warn("home", f"{text}; HOME or XDG_CACHE_HOME could name another folder")


def check_temporary() -> Row:
    """Check the folder for temporary files."""
    named = os.environ.get("TMPDIR")
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        return fail("temporary files", f"{error.strerror or error}: set TMPDIR to a folder")
    free = shutil.disk_usage(folder).free
    if free < _LEAST:
        return fail("temporary files", f"{folder} has {_size(free)} left: make room, or set TMPDIR")
    if named and Path(named).resolve() != Path(folder).resolve():
        return warn("temporary files", f"TMPDIR={named} can't be used, {folder} will be")
    return ok("temporary files", f"{folder}, {_size(free)} free")


def check_semaphores() -> Row:
    """Check that processes can share locks, which training with workers needs."""
    try:
        multiprocessing.get_context("spawn").Semaphore()
    except OSError as error:
        advice = "mount /dev/shm (in a container: --shm-size=1g)"
        return fail("shared memory", f"no semaphores: {error.strerror}; {advice}")
    return ok("shared memory", "processes can share locks")


def check_limits() -> Iterator[Row]:
    """Check how many files and processes the user may have."""
    for name, kind, few in (
        ("open files", resource.RLIMIT_NOFILE, _FEW_FILES),
        ("processes", resource.RLIMIT_NPROC, _FEW_PROCESSES),
    ):
        soft, hard = resource.getrlimit(kind)
        words = "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}"
        if 0 <= soft < few:
            advice = f"ulimit -{'n' if kind == resource.RLIMIT_NOFILE else 'u'} {max(few, hard)}"
            yield warn(name, f"{words} of the user's, a full node needs {few}: {advice}")
        else:
            yield ok(name, words)


def check_folder(name: str, folder: Path) -> Iterator[Row]:
    """Check that a folder of the study can be written, and what its file system can do."""
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not place.is_dir():
        yield fail(name, f"{place} must be a folder")
        return
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".odyssey-doctor-", dir=place))
    except OSError as error:
        yield fail(name, f"{place} can't be written: {error.strerror}; name another in config.yaml")
        return
    try:
        yield _space(name, place)
        yield from _abilities(f"file system of {name}", scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _space(name: str, folder: Path) -> Row:
    free, state = shutil.disk_usage(folder).free, os.statvfs(folder)
    text = f"{folder} can be written, {_size(free)} free"
    if free < _LEAST:
        return fail(
            name, f"{folder} has {_size(free)} left, a study needs {_size(_LEAST)} and more"
        )
    if state.f_files > 0 and state.f_favail < _FEW_INODES:
        return warn(name, f"{text}, but only {state.f_favail} more files fit")
    if free < _ENOUGH:
        return warn(name, f"{text}: enough for a small study, the paper's takes {_size(_ENOUGH)}")
    return ok(name, text)


def _abilities(name: str, scratch: Path) -> Iterator[Row]:
    """Yield what fails of all that our files need; one row if nothing does."""
    needed: list[tuple[str, Callable[[Path], None], str]] = [
        ("rename", _rename, ""),
        ("fsync", _fsync, "a crash of the machine may cost the last checkpoint"),
        ("hard links", _link, "leases are taken in a way that is less safe against other nodes"),
        ("flock", _flock, "two builds of the kernels at once compile twice"),
    ]
    lacking = False
    for what, attempt, consequence in needed:
        try:
            attempt(scratch)
        except OSError as error:
            lacking = True
            text = f"no {what}: {error.strerror}"
            yield warn(name, f"{text}; {consequence}") if consequence else fail(name, text)
    ahead = _skew(scratch)
    if abs(ahead) > _SKEW:
        lacking = True
        text = f"its clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        yield warn(name, f"{text}: Snakemake may take old files for new; set the clocks (NTP)")
    if not lacking:
        yield ok(name, "rename, fsync, hard links, flock; its clock agrees with this machine's")


def _rename(scratch: Path) -> None:
    (scratch / "new").write_bytes(b"new")
    (scratch / "old").write_bytes(b"old")
    os.replace(scratch / "new", scratch / "old")
    if (scratch / "old").read_bytes() != b"new":
        raise OSError(0, "the old content stays")


def _fsync(scratch: Path) -> None:
    (scratch / "synced").write_bytes(b"1")
    for path in (scratch / "synced", scratch):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _link(scratch: Path) -> None:
    (scratch / "one").write_bytes(b"1")
    os.link(scratch / "one", scratch / "two")


def _flock(scratch: Path) -> None:
    with (scratch / "locked").open("wb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _skew(scratch: Path) -> float:
    """Return how many seconds the file system's clock is ahead; negative if it is behind."""
    with contextlib.suppress(FileNotFoundError):
        (scratch / "now").unlink()
    before = time.time()
    (scratch / "now").write_bytes(b"1")
    written, after = (scratch / "now").stat().st_mtime, time.time()
    return written - min(max(written, before), after)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
