"""The scripts of a Snakemake's jobs, forked from a process that has imported all that they need.

Of a job's two seconds one is the start of Python and its imports. A job is a process of its own as
any other, of the session and among the descendants of its Snakemake: signals and kills reach it.
"""

import atexit
import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
#: What Snakemake sets for a job of one thread; some libraries look when they are loaded.
THREADS = (
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)


def import_scripts() -> None:
    """Import all that the scripts import."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    sys.path.insert(0, str(ROOT))
    for path in (ROOT / "scripts").glob("*.py"):
        importlib.import_module(f"scripts.{path.stem}")
    sys.path.remove(str(ROOT))
    os.environ.clear()
    os.environ.update(before)


def fork_scripts() -> None:
    """Let this process, which is about to become Snakemake, fork the scripts of its jobs.

    They are children of a child, which has no threads as Snakemake has, and ends with it.
    """
    import snakemake.script

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        ours.close()
        _serve(theirs)
    theirs.close()

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        variables = dict(os.environ) | dict.fromkeys(THREADS, str(self.threads))
        if folder := self.resources.get("tmpdir"):
            variables |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(folder))
        request = {"script": fname, "variables": variables, "folder": os.getcwd()}
        answer, end = os.pipe()
        socket.send_fds(ours, [json.dumps(request).encode()], [end])
        os.close(end)
        with os.fdopen(answer, "rb") as file:
            status = file.read()
        if status != b"0":
            raise subprocess.CalledProcessError(int(status or -signal.SIGKILL), fname)

    snakemake.script.PythonScript.execute_script = execute_script


def _serve(requests: socket.socket) -> NoReturn:
    """Fork a job for each request, and write its exit status where the request says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running = dict[int, int]()  # process → where its status goes
    while True:
        if select.select([requests], [], [], 0.01 if running else None)[0]:
            text, places, *_ = socket.recv_fds(requests, 1 << 20, 1)
            if not text:
                os._exit(0)
            if not (pid := os.fork()):
                requests.close()
                for place in (*places, *running.values()):
                    os.close(place)
                _become_script(**json.loads(text))
            running[pid] = places[0]
        for pid in [*running]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                place = running.pop(pid)
                with contextlib.suppress(BrokenPipeError):
                    os.write(place, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(place)


def _become_script(script: str, variables: dict[str, str], folder: str) -> NoReturn:
    """Run a script in this process as Python does, to the end of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    sys.path[0] = str(Path(script).parent)
    sys.argv = sys.orig_argv = [script]
    run_to_the_end(lambda: runpy.run_path(script, run_name="__main__"))


def run_to_the_end(program: Callable[[], object]) -> NoReturn:
    """Run a program and end this process as Python does, but leave the modules as they are.

    To take them apart one by one would cost more than the program.
    """
    status: int | str | None = None
    interrupted = False
    try:
        program()
    except SystemExit as end:
        status = end.code
    except BaseException as error:
        traceback.print_exc()
        status, interrupted = 1, isinstance(error, KeyboardInterrupt)
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()  # waits for other threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status or 0)
