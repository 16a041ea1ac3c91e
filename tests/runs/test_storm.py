"""The kill storm: trials killed at random instants end with the bits of the uninterrupted run.

KILLS=1000 in the environment (``make storm KILLS=1000``) makes it longer.
"""

import contextlib
import dataclasses
import math
import os
import random
import signal
import subprocess
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
from tests.runs.test_trial import assert_equal, without_wall_clock
from tests.support.tiny_workflow import TinyWorkflow

KILLS = int(os.environ.get("KILLS", "120"))
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


def run_in_a_child(spec, data, path, generator, kill):
    """Fork, train, and be killed: from outside at a random instant, or inside a write."""
    inside, delay = generator.random() < 0.5, generator.uniform(0.02, 0.4)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if kill and inside:
                die_in_a_write(generator)
            run_trial(spec, data, path, "fused", saving=Saving(minutes=0, share=math.inf))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill and not inside:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


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
    """SIGKILL a process and all it started, the oldest first."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(root)
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def test_a_storm_over_snakemake_itself(tmp_path):
    """Ten times the whole process tree of a growing study is killed; the last run ends as ever."""
    (tmp_path / "stormy").mkdir()
    (tmp_path / "whole").mkdir()
    changes = {"protocol": {"epochs": 40, "patience": 40}, "trials": 2}
    stormy, generator, kills = TinyWorkflow(tmp_path / "stormy"), random.Random(3), 0
    while kills < 10:
        run = stormy.start("results/jsb/trials.csv", **changes)
        try:
            run.wait(generator.uniform(2, 6))
            changes["trials"] += 4  # there is nothing left to be killed
        except subprocess.TimeoutExpired:
            kill_tree(run.pid)
            run.wait()
            kills += 1
    stormy.run(**changes)
    whole = TinyWorkflow(tmp_path / "whole")
    whole.run(**changes)
    assert stormy.trial_files().keys() == whole.trial_files().keys()
    for name in whole.trial_files():
        results = [study.folder / "results" / "trials" / name for study in (whole, stormy)]
        assert_equal(*(without_wall_clock(load_tree(path)) for path in results))
