import json

import numpy as np
import pytest

from odyssey.block import BlockError, run_block
from odyssey.datasets import write_dataset
from odyssey.results import read_block
from odyssey.study import Study

from .conftest import tiny_dataset


@pytest.fixture
def data(tmp_path):
    write_dataset(tmp_path / "jsb.h5", tiny_dataset("jsb"))
    return tmp_path / "jsb.h5"


def test_workers_change_nothing_and_trials_are_kept(tiny_study, data, tmp_path):
    run_block(tiny_study, "jsb", "V", 0, 2, data, tmp_path / "a.h5", workers=2)
    times = [tiny_study.trial_path("jsb", "V", k).stat().st_mtime_ns for k in range(3)]
    run_block(tiny_study, "jsb", "V", 0, 3, data, tmp_path / "b.h5", workers=1)
    again = [tiny_study.trial_path("jsb", "V", k).stat().st_mtime_ns for k in range(3)]
    assert times == again  # only trial 3 was trained
    one, two = read_block(tmp_path / "a.h5"), read_block(tmp_path / "b.h5")
    assert [r.settings["trial"] for r in two] == [0, 1, 2, 3]
    for r, s in zip(one, two, strict=False):
        assert (np.asarray(r.curves["test"]) == np.asarray(s.curves["test"])).all()


def test_a_failed_trial_is_named_and_the_others_are_kept(tiny_study, data, tmp_path):
    config = json.loads(json.dumps(tiny_study.config))
    blocked = tiny_study.trial_path("jsb", "V", 1)
    blocked.parent.mkdir(parents=True)
    (blocked.parent / "1.h5").mkdir()  # where the trial's file should go
    with pytest.raises(BlockError, match=r"1 of 3 trials failed.*jsb/V/1") as caught:
        run_block(Study(config), "jsb", "V", 0, 2, data, tmp_path / "a.h5", workers=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.h5").exists()
    assert tiny_study.trial_path("jsb", "V", 2).exists()
