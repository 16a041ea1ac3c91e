"""Trials that differ in their number of epochs alone are one run, cut at other places."""

import dataclasses
import json
import os
import re

import numpy as np
import pytest
import yaml

from benchmarks.tiny import tiny_dataset
from odyssey.engines.fused import model as fused
from odyssey.engines.training import Model
from odyssey.runs import trial as trial_module
from odyssey.runs.checkpoint import previous_generation
from odyssey.runs.epochs import read_trial
from odyssey.runs.results import write_block
from odyssey.runs.tables import collect
from odyssey.runs.trial import run_trial
from odyssey.storage.tree_file import label_of, load_tree, read_label, save_tree
from odyssey.study.config_files import lay_over
from odyssey.study.study import load_study
from tests.conftest import ROOT
from tests.runs.test_trial import (
    ALWAYS,
    Fuse,
    Killed,
    as_of_the_first_format,
    assert_equal,
    without_wall_clock,
)

#: It goes on learning, with noise.
LEARNS = {"learning_rate": 1e-3, "momentum": 0.9, "noise": 0.5}


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """There may be a save after every other sequence."""
    monkeypatch.setattr(fused, "RUN", 2)


def spec_of(study, epochs, patience=99, task="jsb", **drawn):
    """Return a trial with these epochs and hyperparameters."""
    spec = study.trial(task, "V", 1)
    protocol = dataclasses.replace(spec.protocol, epochs=epochs, patience=patience)
    drawn = dict(spec.hyperparameters) | LEARNS | drawn
    return dataclasses.replace(spec, hyperparameters=drawn, protocol=protocol)


def content(path):
    return without_wall_clock(load_tree(path))


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


@pytest.mark.parametrize("kernels", ["fused", "gluon"])
@pytest.mark.parametrize("task", ["timit", "jsb"])
def test_more_epochs_give_the_bits_of_a_run_that_had_them_from_the_start(
    tiny_study, tmp_path, task, kernels
):
    data, path = tiny_dataset(task), tmp_path / "longer" / "1.h5"
    for epochs in (2, 3, 5):
        result = run_trial(spec_of(tiny_study, epochs, task=task), data, path, kernels)
        assert len(result.curves["valid"]) == epochs
    run_trial(spec_of(tiny_study, 5, task=task), data, tmp_path / "whole.h5", kernels)
    assert spec_of(tiny_study, 5, task=task).noise > 0
    assert_equal(content(path), content(tmp_path / "whole.h5"))
    assert names(path) == ["1.h5"]


@pytest.mark.parametrize("kernels", ["fused", "gluon"])
def test_more_epochs_go_on_from_all_that_adam_keeps(tiny_study, tmp_path, kernels):
    data, path = tiny_dataset("jsb"), tmp_path / "longer" / "1.h5"
    for epochs in (1, 3):
        run_trial(spec_of(tiny_study, epochs, optimizer="adam"), data, path, kernels)
    run_trial(spec_of(tiny_study, 3, optimizer="adam"), data, tmp_path / "whole.h5", kernels)
    assert_equal(content(path), content(tmp_path / "whole.h5"))


def test_fewer_epochs_are_read_with_the_figures_of_a_run_that_had_no_more(
    tiny_study, tmp_path, monkeypatch
):
    data, path = tiny_dataset("jsb"), tmp_path / "1.h5"
    shorter = {}
    for epochs in (1, 2, 3, 4, 6):
        spec = spec_of(tiny_study, epochs, learning_rate=1e-2)
        shorter[epochs] = run_trial(spec, data, tmp_path / f"{epochs}.h5", "fused")
    assert [result.best_epoch for result in shorter.values()] == [1, 2, 3, 4, 4]
    os.rename(tmp_path / "6.h5", path)
    before = path.read_bytes()
    monkeypatch.setattr(trial_module, "train", None)
    for epochs, expected in shorter.items():
        spec = spec_of(tiny_study, epochs, learning_rate=1e-2)
        found = run_trial(spec, data, path, "fused")
        assert_equal(without_wall_clock(found.to_tree()), without_wall_clock(expected.to_tree()))
        rows = (result.row() for result in (found, expected))
        assert len({(row["valid"], row["test"], row["best_epoch"]) for row in rows}) == 1
        assert read_trial(path, spec).row()["test"] == found.row()["test"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "drawn",
    [{"learning_rate": 1e-20, "noise": 0.0}, {"learning_rate": 1e38, "momentum": 0.0}],
    ids=["patience", "divergence"],
)
def test_a_trial_that_ended_by_itself_is_final_with_any_more_epochs(
    tiny_study, tmp_path, monkeypatch, drawn
):
    data, path = tiny_dataset("jsb"), tmp_path / "1.h5"
    first = run_trial(spec_of(tiny_study, 6, patience=2, **drawn), data, path, "fused")
    assert len(first.curves["valid"]) < 6
    assert "state" not in load_tree(path)  # which would be of no use
    monkeypatch.setattr(trial_module, "train", None)
    spec = spec_of(tiny_study, 50, patience=2, **drawn)
    again = run_trial(spec, data, path, "fused")
    assert (again.status, again.fingerprint) == (first.status, spec.fingerprint)
    assert_equal(again.to_tree()["curves"], first.to_tree()["curves"])


def test_a_trial_that_diverged_later_had_not_with_fewer_epochs(tiny_study, tmp_path):
    # The test dictates the curve: five good epochs, then it diverges.
    data, path = tiny_dataset("jsb"), tmp_path / "1.h5"
    run_trial(spec_of(tiny_study, 5), data, path, "fused")
    tree = {name: value for name, value in load_tree(path).items() if name != "state"}
    config = spec_of(tiny_study, 9)
    of_nine = {"config": tree["config"].replace('"epochs": 5', '"epochs": 9')}
    of_nine |= {"fingerprint": config.fingerprint, "status": "diverged", "diverged_epoch": 6}
    save_tree(path, tree | of_nine)
    for epochs, status in ((4, "finished"), (5, "finished"), (6, "diverged"), (20, "diverged")):
        found = run_trial(spec_of(tiny_study, epochs), data, path, "fused")
        assert (found.status, len(found.curves["valid"])) == (status, min(5, epochs))


def test_a_checkpoint_beyond_fewer_epochs_is_read_and_goes_on_with_more(tiny_study, tmp_path):
    data, path = tiny_dataset("jsb"), tmp_path / "1.h5"
    fuse = Fuse()
    fuse(20)
    with pytest.raises(Killed):
        run_trial(spec_of(tiny_study, 6), data, path, "fused", saving=ALWAYS, observers=[fuse])
    assert load_tree(path)["status"] == "running"
    assert len(load_tree(path)["curves"]["valid"]) in (4, 5)
    result = run_trial(spec_of(tiny_study, 3), data, path, "fused")
    whole = run_trial(spec_of(tiny_study, 3), data, tmp_path / "three.h5", "fused")
    assert_equal(without_wall_clock(result.to_tree()), without_wall_clock(whole.to_tree()))
    run_trial(spec_of(tiny_study, 7), data, path, "fused")
    run_trial(spec_of(tiny_study, 7), data, tmp_path / "seven.h5", "fused")
    assert_equal(content(path), content(tmp_path / "seven.h5"))


def test_kills_while_more_epochs_are_trained_cost_no_bit(tiny_study, tmp_path):
    data, path, deaths = tiny_dataset("jsb"), tmp_path / "killed" / "1.h5", 0
    run_trial(spec_of(tiny_study, 3), data, path, "fused")
    three, fuse = run_trial(spec_of(tiny_study, 3), data, path, "fused"), Fuse()
    while deaths < 100:
        fuse(1 + deaths % 3)
        try:
            run_trial(spec_of(tiny_study, 5), data, path, "fused", saving=ALWAYS, observers=[fuse])
            break
        except Killed:
            deaths += 1
            if deaths == 2:  # the latest is lost: the one before takes over
                path.write_bytes(b"")
            again = run_trial(spec_of(tiny_study, 3), data, path, "fused")
            assert_equal(without_wall_clock(again.to_tree()), without_wall_clock(three.to_tree()))
    assert deaths >= 2
    run_trial(spec_of(tiny_study, 5), data, tmp_path / "whole.h5", "fused")
    assert_equal(content(path), content(tmp_path / "whole.h5"))
    assert not previous_generation(path).exists()


def as_of_before(path):
    """Take from a result what an older odyssey did not keep."""
    save_tree(path, {name: value for name, value in load_tree(path).items() if name != "state"})


def test_an_old_result_is_read_and_trained_from_the_start_once_more_are_asked_for(
    tiny_study, tmp_path, monkeypatch, caplog
):
    data, path = tiny_dataset("jsb"), tmp_path / "old" / "1.h5"
    three = run_trial(spec_of(tiny_study, 3), data, path, "fused")
    as_of_before(path)
    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(trial_module, "train", None)
        for epochs in (3, 2):
            run_trial(spec_of(tiny_study, epochs), data, path, "fused")
    assert path.read_bytes() == old
    caplog.clear()
    run_trial(spec_of(tiny_study, 5), data, path, "fused")
    run_trial(spec_of(tiny_study, 5), data, tmp_path / "whole.h5", "fused")
    assert_equal(content(path), content(tmp_path / "whole.h5"))
    assert names(path) == ["1.h5", "1.other-1.h5"]
    words = "ended after 3 epochs and lacks the state that more go on from"
    assert [words in line for line in caplog.messages].count(True) == 1
    again = run_trial(spec_of(tiny_study, 3), data, path, "fused")
    assert_equal(without_wall_clock(again.to_tree()), without_wall_clock(three.to_tree()))


def test_an_old_result_is_found_again_where_its_successor_is_not_so_far(tiny_study, tmp_path):
    data, path = tiny_dataset("jsb"), tmp_path / "old" / "1.h5"
    three, fuse = run_trial(spec_of(tiny_study, 3), data, path, "fused"), Fuse()
    as_of_before(path)
    fuse(8)
    with pytest.raises(Killed):
        run_trial(spec_of(tiny_study, 5), data, path, "fused", saving=ALWAYS, observers=[fuse])
    found = run_trial(spec_of(tiny_study, 3), data, path, "fused")
    assert_equal(found.to_tree(), three.to_tree())
    assert names(path) == ["1.h5", "1.other-2.h5"]
    run_trial(spec_of(tiny_study, 5), data, path, "fused")  # from the checkpoint, moved back
    run_trial(spec_of(tiny_study, 5), data, tmp_path / "whole.h5", "fused")
    assert_equal(content(path), content(tmp_path / "whole.h5"))


@pytest.mark.parametrize("epochs", [2, 3, 5])
def test_a_result_of_the_first_format_is_judged_and_cut_or_goes_on(tiny_study, tmp_path, epochs):
    data, path = tiny_dataset("jsb"), tmp_path / "1.h5"
    run_trial(spec_of(tiny_study, 3), data, path, "fused")
    as_of_before(path)
    as_of_the_first_format(path)
    found = run_trial(spec_of(tiny_study, epochs), data, path, "fused")
    whole = run_trial(spec_of(tiny_study, epochs), data, tmp_path / "whole.h5", "fused")
    assert_equal(without_wall_clock(found.to_tree()), without_wall_clock(whole.to_tree()))


def test_other_settings_than_the_number_of_epochs_are_another_run(tiny_study, tmp_path):
    spec = spec_of(tiny_study, 3)
    others = [
        spec_of(tiny_study, 3, patience=98),
        spec_of(tiny_study, 3, noise=0.25),
        dataclasses.replace(spec, seed=spec.seed + 1),
        dataclasses.replace(spec, trial=spec.trial + 1),
    ]
    prints = {each.training_fingerprint for each in (spec, *others)}
    assert len(prints) == 1 + len(others)
    assert spec_of(tiny_study, 4).training_fingerprint == spec.training_fingerprint
    assert spec_of(tiny_study, 4).fingerprint != spec.fingerprint


def test_a_block_is_of_a_number_of_epochs_with_the_tables_of_a_study_that_had_it(
    tiny_study, tmp_path
):
    def tables(epochs, folder):
        specs = [dataclasses.replace(spec_of(tiny_study, epochs), trial=k) for k in range(2)]
        folder.mkdir(exist_ok=True)
        write_block(
            folder / f"{epochs}.h5",
            [run_trial(spec, data, folder / f"{spec.trial}.h5", "fused") for spec in specs],
        )
        asked = label_of((spec.fingerprint, data.fingerprint) for spec in specs)
        assert read_label(folder / f"{epochs}.h5") == asked
        clock = ["seconds", "seconds_per_epoch"]
        return [
            table.drop(columns=clock, errors="ignore")
            for table in collect([folder / f"{epochs}.h5"])
        ]

    data = tiny_dataset("jsb")
    one = {epochs: tables(epochs, tmp_path / "one") for epochs in (3, 5, 2)}
    for epochs, found in one.items():
        expected = tables(epochs, tmp_path / f"{epochs} from the start")
        for table, other in zip(found, expected, strict=True):
            assert table.equals(other)


def test_the_study_of_the_docs_page_is_the_same_run_with_more_epochs(config):
    text = (ROOT / "docs" / "resume.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(# longer.yaml.*?)```", text, re.S)
    longer = json.loads(json.dumps(config))
    lay_over(longer, yaml.safe_load(block))
    before, after = (load_study(each).trial("jsb", "V", 5) for each in (config, longer))
    assert (before.protocol.epochs, after.protocol.epochs) == (150, 300)
    assert after.training_fingerprint == before.training_fingerprint


def test_what_is_kept_is_all_that_training_changes(tiny_study, tmp_path):
    data, path = tiny_dataset("jsb"), tmp_path / "1.h5"
    run_trial(spec_of(tiny_study, 2), data, path, "fused")
    state, shapes = load_tree(path)["state"], spec_of(tiny_study, 2).network.parameter_shapes()
    for name in ("parameters", "velocity"):
        assert {key: array.shape for key, array in state[name].items()} == shapes
        assert all(np.any(array) for array in state[name].values())
    assert {name for name in dir(Model) if name.startswith("set_")} == {
        f"set_{name}" for name in ("parameters", "state")
    }
