"""The cores of a job for which no trial waits."""

import json

import numpy as np

from benchmarks.tiny import tiny_dataset
from odyssey.runs.block import run_block
from odyssey.runs.results import read_block
from odyssey.runs.spare import SpareCores
from odyssey.storage.datasets import write_dataset
from odyssey.study.study import Study


def opened(spare, sizes):
    grants = [spare.slot() for _ in sizes]
    for grant, size in zip(grants, sizes, strict=True):
        spare.begin(grant, size)
    return grants


def values(grants):
    return [grant.value for grant in grants]


def test_each_trial_has_one_core_while_others_wait():
    assert values(opened(SpareCores(3, 3), (40, 90, 20))) == [1, 1, 1]


def test_the_largest_trial_gets_the_first_core_that_is_left_over():
    spare = SpareCores(3, 3)
    small, large, middle = opened(spare, (20, 90, 40))
    spare.close(small)
    assert values([large, middle]) == [2, 1]
    spare.close(large)  # of its two one is enough
    assert middle.value == 2


def test_cores_beyond_the_trials_serve_from_the_start():
    assert values(opened(SpareCores(4, 2), (20, 90))) == [2, 2]


def test_no_trial_gets_a_third():
    spare = SpareCores(5, 1)
    (only,) = opened(spare, (20,))
    spare.begin(only, 10)
    assert only.value == 2


WATCH = """
import os
from pathlib import Path
from odyssey.engines import cores
from odyssey.runs.observer import Observer, register

class Watch(Observer):
    def ran(self, spec, state):
        if path := os.environ.get("WATCHED"):  # later tests of this process have it, too
            with open(path, "a") as file:
                file.write(f"{cores.granted()}\\n")

register("watch", Watch())
"""


def test_a_block_grants_them_to_its_processes_and_results_stay(tiny_study, tmp_path, monkeypatch):
    write_dataset(tmp_path / "timit.h5", tiny_dataset("timit"))
    (tmp_path / "watch.py").write_text(WATCH)
    monkeypatch.setenv("WATCHED", str(tmp_path / "seen"))
    config = json.loads(json.dumps(dict(tiny_study.config)))
    study = Study({**config, "tasks": ["timit"], "extensions": [str(tmp_path / "watch.py")]})
    found = []
    for name, count in (("one", 1), ("all", 2)):
        study.trial_path("timit", "V", 0).unlink(missing_ok=True)
        (tmp_path / "seen").write_text("")
        run_block(study, "timit", "V", 0, 0, tmp_path / "timit.h5", tmp_path / name, workers=count)
        found.append(read_block(tmp_path / name)[0])
        assert set((tmp_path / "seen").read_text().split()) == {str(count)}
    one, other = found
    assert (np.asarray(one.curves["test"]) == np.asarray(other.curves["test"])).all()
