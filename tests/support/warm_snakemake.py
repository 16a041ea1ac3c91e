"""Snakemake, forked from a process that has imported all that it needs: a start in half the time.

A run is a process of its own as any other, and so are its jobs (``warm_jobs``). Two things are
shared by those of a session: the modules, and what the machine's checks ahead of the jobs found,
which are made once. Where a test changes the environment, Python may be another: then Snakemake
and its jobs start as a user starts them.
"""

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import NoReturn

#: Which pytest changes from test to test.
_OF_PYTEST = "PYTEST_CURRENT_TEST"
_LOOKS_ONLY = {"-n", "--dry-run", "--summary", "--dag", "--lint", "--report"}


def start(arguments: list[str], folder: Path, log: Path) -> "subprocess.Popen[bytes] | Run":
    """Start Snakemake in a folder and in a session of its own; what it says goes to a file."""
    if _environment() == _server().environment:
        return _server().start(arguments, folder, log)
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Run:
    """A Snakemake that runs, with the methods of ``subprocess.Popen`` that tests need."""

    def __init__(self, server: "_Server", pid: int) -> None:
        self.pid, self._server = pid, server

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while it runs."""
        return self._server.status(self.pid, 0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status; subprocess.TimeoutExpired if it does not come in time."""
        status = self._server.status(self.pid, timeout)
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired("snakemake", timeout)
        return status


@cache
def _server() -> "_Server":
    return _Server()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != _OF_PYTEST}


class _Server:
    """The process that forks, as long as this one lives."""

    def __init__(self) -> None:
        self.environment, self._ended, self._rest = _environment(), dict[int, int](), b""
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        atexit.register(self._process.kill)

    def start(self, arguments: list[str], folder: Path, log: Path) -> Run:
        assert self._process.stdin is not None
        request = {"arguments": arguments, "folder": str(folder), "log": str(log)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        while (answer := self._read(None)) and "pid" not in answer:
            self._ended[answer["ended"]] = answer["status"]
        assert answer, "the server of Snakemake has died"
        return Run(self, answer["pid"])

    def status(self, pid: int, timeout: float | None) -> int | None:
        end = None if timeout is None else time.monotonic() + timeout
        while pid not in self._ended:
            left = None if end is None else max(0.0, end - time.monotonic())
            if (answer := self._read(left)) is None:
                return None
            assert answer, "the server of Snakemake has died"
            self._ended[answer["ended"]] = answer["status"]
        return self._ended[pid]

    def _read(self, timeout: float | None) -> dict[str, int] | None:
        """Return the next answer; None if there is none in time, an empty one at the end."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([pipe], [], [], timeout)[0]:
                return None
            if not (more := os.read(pipe, 4096)):
                return {}
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))


def _serve() -> None:
    """Fork a Snakemake for each line that comes; say its process id, and in the end its status."""
    _import_what_a_run_imports()
    gc.freeze()  # else each process would copy all that is here to look for garbage
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, running = os.fdopen(os.dup(1), "w"), set[int]()
    while True:
        if select.select([0], [], [], 0.02 if running else None)[0]:
            if not (line := sys.stdin.readline()):
                return
            request = json.loads(line)
            if not _LOOKS_ONLY & {*request["arguments"]}:
                _check_this_machine()
            if not (pid := os.fork()):
                _become_snakemake(**request)
            running.add(pid)
            print(json.dumps({"pid": pid}), file=answers, flush=True)
        for pid in [*running]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                running.remove(pid)
                answer = {"ended": pid, "status": os.waitstatus_to_exitcode(status)}
                print(json.dumps(answer), file=answers, flush=True)


def _import_what_a_run_imports() -> None:
    import pandas  # noqa: F401
    import smart_open  # noqa: F401
    import snakemake.persistence.db
    import snakemake.report  # noqa: F401
    from snakemake.cli import get_argument_parser

    import odyssey.checks.ahead
    import odyssey.runs.products
    import odyssey.runs.turn
    import odyssey.views.progress  # noqa: F401

    get_argument_parser()  # imports all plugins
    warm_jobs.import_scripts()


def _check_this_machine() -> None:
    """Let the checks that start processes be made once, and children know what they found."""
    from odyssey.checks import ahead

    for name in ("check_analysis", "check_mxnet"):
        if not hasattr(getattr(ahead, name), "cache_info"):
            setattr(ahead, name, cache(getattr(ahead, name)))
        getattr(ahead, name)()


def _become_snakemake(arguments: list[str], folder: str, log: str) -> NoReturn:
    """Run Snakemake in this process as ``python -m snakemake`` does, to the end of it."""
    import snakemake
    from snakemake.cli import main

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for source, target in ((nowhere, 0), (said, 1), (said, 2)):
        os.dup2(source, target)
    os.chdir(folder)
    warm_jobs.fork_scripts()
    sys.path[0] = folder
    sys.orig_argv = [sys.executable, "-m", "snakemake", *arguments]
    sys.argv = [f"{snakemake.__path__[0]}/__main__.py", *arguments]
    warm_jobs.run_to_the_end(main)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    from tests.support import warm_jobs

    _serve()
