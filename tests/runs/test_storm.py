"""The kill storm: trials that were killed anywhere end with the bits of the uninterrupted run.

What a kill leaves is what the disk holds, and that changes only where a process calls for it. So
one trial is killed before each of these calls, in each state of its folder that it comes by. Others
are killed at random instants, from outside or in a write: KILLS=1000 in the environment
(``make storm KILLS=1000``) makes that longer.
"""

import contextlib
import dataclasses
import math
import os
import random
import re
import signal
import sys
import time
import traceback

import psutil
import pytest

from benchmarks.tiny import tiny_dataset
from odyssey.engines.fused import model as fused
from odyssey.runs.keeper import Saving
from odyssey.runs.trial import run_trial
from odyssey.storage.tree_file import load_tree
from odyssey.study.study import Protocol
from tests.conftest import ROOT
from tests.runs.test_trial import assert_equal, without_wall_clock
from tests.support.tiny_workflow import TinyWorkflow

KILLS = int(os.environ.get("KILLS", "18"))
TASKS = ("timit", "iamondb", "jsb")


def kill_myself(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_a_write(generator):
    """Arrange that one of the next system calls of a save kills the process."""
    call = generator.choice(["fsync", "replace"])
    really, countdown = getattr(os, call), generator.randint(1, 12)

    def count(*arguments, **options):
        nonlocal countdown
        countdown -= 1
        if countdown == 0:
            kill_myself()
        return really(*arguments, **options)

    setattr(os, call, count)


def in_a_child(spec, data, path, prepare=lambda: None):
    """Fork and train there; return the process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            prepare()
            run_trial(spec, data, path, "fused", saving=Saving(minutes=0, share=math.inf))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def was_killed(child):
    """Wait for a child's end, which must be a good one or a kill; say which."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def run_in_a_child(spec, data, path, generator, kill):
    """Train, and be killed: from outside at a random instant, or inside a write."""
    inside, delay = generator.random() < 0.5, generator.uniform(0.02, 0.4)
    prepare = (lambda: die_in_a_write(generator)) if kill and inside else lambda: None
    child = in_a_child(spec, data, path, prepare)
    if kill and not inside:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    return was_killed(child)


#: Python's audit events of calls that change a folder or a file; fsync has none.
CHANGES = {"open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.utime"}
READ_ONLY = os.O_RDONLY | os.O_CLOEXEC
PACKAGE = str(ROOT / "odyssey")


def phase_of(call, folder):
    """Return where a trial is: the call, what has called it, and which files there are."""
    frame, callers = sys._getframe(), []
    while frame := frame.f_back:
        if frame.f_code.co_filename.startswith(PACKAGE):
            callers.append(frame.f_code.co_name)
    return f"{call} in {'<'.join(callers)} with {' '.join(sorted(names_in(folder)))}"


def names_in(folder):
    """Return what is in a trial's folder, but for the drafts of leases, which nobody reads.

    Drafts have random names; two are as good as one.
    """
    names = (name for name in os.listdir(folder) if not name.startswith(".1.lease."))
    return {re.sub(r"(?<=^\.1\.h5\.)\w{8}$", "*", name) for name in names}


def die_in_a_new_phase(folder, known, tell):
    """Arrange that the first change of a file in a phase that is not known kills the process."""

    def look(call):
        if (phase := phase_of(call, folder)) not in known:
            os.write(tell, phase.encode())
            kill_myself()

    def audit(event, arguments):
        reads = event == "open" and not arguments[2] & ~READ_ONLY
        if event in CHANGES and not reads and str(arguments[0]).startswith(str(folder)):
            look(event)

    fsync = os.fsync

    def look_and_fsync(descriptor):
        look("fsync")
        fsync(descriptor)

    os.fsync = look_and_fsync
    sys.addaudithook(audit)


def test_a_kill_before_any_change_of_a_file_loses_nothing(tiny_study, tmp_path, monkeypatch):
    monkeypatch.setattr(fused, "RUN", 2)
    drawn, data = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb", sequences=4)
    spec = dataclasses.replace(drawn, protocol=Protocol(3, 3, 0.1))
    (whole, folder), known = (tmp_path / "whole.h5", tmp_path / "stormy"), set()
    run_trial(spec, data, whole, "fused")
    folder.mkdir()
    while True:
        told, tell = os.pipe()
        child = in_a_child(
            *(spec, data, folder / "1.h5"), lambda t=tell: die_in_a_new_phase(folder, known, t)
        )
        os.close(tell)
        with os.fdopen(told, "rb") as answer:
            phase = answer.read().decode()
        if not was_killed(child):
            break
        known.add(phase)
    assert_equal(*(without_wall_clock(load_tree(p)) for p in (folder / "1.h5", whole)))
    # A kill behind the result leaves the generation before it.
    assert names_in(folder) <= {"1.h5", "1.previous.h5"}
    for place in (
        "_create",
        "_take_away",
        "clear_drafts",
        "_keep",
        "save_checkpoint",
        "write_trial",
    ):
        assert any(place in phase for phase in known), place


@pytest.mark.parametrize("task", TASKS)
def test_no_kill_loses_or_changes_a_result(tiny_study, tmp_path, monkeypatch, task):
    monkeypatch.setattr(fused, "RUN", 2)  # there may be a save after every run of sequences
    generator, data = random.Random(f"{task} {KILLS}"), tiny_dataset(task, sequences=8)
    wanted, kills, number = -(-KILLS // len(TASKS)), 0, 0
    while kills < wanted:
        drawn = tiny_study.trial(task, "V", number)
        spec = dataclasses.replace(drawn, protocol=Protocol(12, 12, 0.1))
        whole, stormy = tmp_path / f"whole-{number}.h5", tmp_path / f"stormy-{number}.h5"
        assert not run_in_a_child(spec, data, whole, generator, kill=False)
        while run_in_a_child(spec, data, stormy, generator, kill=kills < wanted):
            kills += 1
        expected = without_wall_clock(load_tree(whole))
        assert_equal(without_wall_clock(load_tree(stormy)), expected)
        number += 1
    assert kills >= wanted
    leftovers = [path for path in tmp_path.iterdir() if path.suffix == ".lease"]
    assert leftovers == []


def kill_tree(root):
    """SIGKILL a process, which starts no more by then, and all it started, the oldest first."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(root)
        process.suspend()
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


#: Moments of a run, in their order, by what shows them: words of the log, or a file written anew.
MOMENTS = (
    "Assuming unrestricted shared filesystem",  # Snakemake has begun
    "Preparing the data of jsb",
    "data/jsb.h5",
    "results/trials/jsb/*/*.h5",
    "results/jsb/*/trials_*.h5",
    "Joining the blocks of jsb",
    "results/jsb/trials.csv",
)


def shown(folder, moment):
    """Return the files of a moment with the times when they were written; words, if they fell."""
    files = {(path, path.stat().st_mtime_ns) for path in folder.glob(moment)}
    log = folder / "log"
    return files | ({moment} if log.exists() and moment in log.read_text() else set())


def kill_at(moment, study, generator, changes):
    """Start the study and kill all of it at a moment, or at a random one; False if it ended."""
    (study.folder / "log").unlink(missing_ok=True)
    before, end = shown(study.folder, moment), time.monotonic() + generator.uniform(1, 5)
    run = study.start("results/jsb/trials.csv", **changes)
    while not (shown(study.folder, moment) - before if moment else time.monotonic() > end):
        if run.poll() is not None:
            return False
        time.sleep(0.005)
    kill_tree(run.pid)
    run.wait()
    return True


def test_a_storm_over_snakemake_itself(tmp_path):
    """The process tree of a growing study is killed at every moment; the last run ends as ever."""
    (tmp_path / "stormy").mkdir()
    (tmp_path / "whole").mkdir()
    changes = {"protocol": {"epochs": 6, "patience": 6}, "trials": 2}
    stormy, generator = TinyWorkflow(tmp_path / "stormy"), random.Random(3)
    for moment in (*MOMENTS, *[""] * (KILLS // 50)):
        while not kill_at(moment, stormy, generator, changes):
            changes["trials"] += 2  # there was nothing left to be killed
    changes["trials"] += 1  # the study grows
    stormy.run(**changes)
    whole = TinyWorkflow(tmp_path / "whole")
    whole.run(**changes)
    assert stormy.trial_files().keys() == whole.trial_files().keys()
    for name in whole.trial_files():
        results = [study.folder / "results" / "trials" / name for study in (whole, stormy)]
        assert_equal(*(without_wall_clock(load_tree(path)) for path in results))
