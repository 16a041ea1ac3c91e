"""Resuming a trial anywhere gives the bits of the uninterrupted one."""

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tiny import tiny_dataset
from odyssey.engines.choose import new_model
from odyssey.engines.fused import model as fused
from odyssey.engines.training import evaluate, initial_parameters
from odyssey.runs import stopping
from odyssey.runs import trial as trial_module
from odyssey.runs.checkpoint import find_trial, previous_generation
from odyssey.runs.keeper import Saving
from odyssey.runs.observer import Observer, register
from odyssey.runs.results import TRIAL
from odyssey.runs.trial import TrialError, run_trial
from odyssey.storage.lease import LeaseLost
from odyssey.storage.tree_file import load_tree, save_tree
from odyssey.tasks import TASKS
from odyssey.tasks.merit import FigureOfMerit
from tests.support.rows import rows_of_a_test


class Killed(BaseException):
    """What a kill looks like from inside."""


def without_wall_clock(tree):
    tree = {key: value for key, value in tree.items() if key not in ("finished", "host")}
    tree["curves"] = {name: v for name, v in tree["curves"].items() if name != "seconds"}
    return tree


def assert_equal(a, b):
    assert a.keys() == b.keys()
    for key, value in a.items():
        if isinstance(value, dict):
            assert_equal(value, b[key])
        elif isinstance(value, np.ndarray):
            assert value.dtype == b[key].dtype
            assert (value == b[key]).all(), key
        else:
            assert value == b[key], key


#: A checkpoint after every run.
ALWAYS = Saving(minutes=0, share=np.inf)


class Fuse(Observer):
    """Dies after some checkpoints; calling it sets after how many."""

    def __init__(self):
        self(np.inf)

    def __call__(self, saves):
        self.left = saves

    def saved(self, spec, seconds):
        self.left -= 1
        if self.left <= 0:
            raise Killed


@pytest.fixture
def fuse():
    """A fuse that all trials of the test have."""
    with rows_of_a_test():
        yield register("fuse", Fuse())


@pytest.mark.parametrize("kernels", ["fused", "gluon"])
@pytest.mark.parametrize("task", ["timit", "iamondb", "jsb"])
def test_a_resumed_trial_equals_the_uninterrupted_one_bit_for_bit(
    tiny_study, tmp_path, fuse, monkeypatch, task, kernels
):
    spec, data = tiny_study.trial(task, "V", 1), tiny_dataset(task)
    run_trial(spec, data, tmp_path / "whole.h5", kernels)
    monkeypatch.setattr(fused, "RUN", 2)  # shorter ones change nothing, and leave more to kill
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    path, deaths = tmp_path / "killed.h5", 0
    while deaths < 100:
        fuse(1 + deaths % 3)
        try:
            run_trial(spec, data, path, kernels, saving=ALWAYS)
            break
        except Killed:
            deaths += 1
    assert deaths >= 5
    assert_equal(without_wall_clock(load_tree(path)), whole)
    assert not previous_generation(path).exists()


def test_a_finished_trial_is_read_not_trained(tiny_study, tmp_path, monkeypatch):
    spec, data, path = tiny_study.trial("jsb", "V", 0), tiny_dataset("jsb"), tmp_path / "0.h5"
    first = run_trial(spec, data, path, "gluon")
    monkeypatch.setattr(trial_module, "train", None)
    previous_generation(path).write_bytes(b"left by a kill")
    again = run_trial(spec, data, path, "gluon")
    assert_equal(again.to_tree(), first.to_tree())
    assert [file.name for file in tmp_path.iterdir()] == ["0.h5"]


def test_the_trial_file_explains_itself(tiny_study, tmp_path):
    spec, data, path = tiny_study.trial("jsb", "NP", 2), tiny_dataset("jsb"), tmp_path / "2.h5"
    result = run_trial(spec, data, path, "gluon")
    tree = load_tree(path)
    assert tree["format"] == TRIAL
    assert (tree["task"], tree["variant"], tree["trial"]) == ("jsb", "NP", 2)
    assert tree["hyperparameters"] == dict(spec.hyperparameters)
    assert tree["data"] == {"source": data.source, "fingerprint": data.fingerprint}
    shapes = spec.network.parameter_shapes()
    assert {name: value.shape for name, value in tree["best"].items()} == shapes
    assert tree["parameters"] == sum(np.prod(shape) for shape in shapes.values())
    assert len(tree["curves"]["valid"]) == len(result.curves["valid"])
    assert tree["state"]["position"] == 0  # which more epochs would go on from


def test_the_best_weights_give_the_reported_test_figure(tiny_study, tmp_path):
    spec, data, path = tiny_study.trial("jsb", "V", 3), tiny_dataset("jsb"), tmp_path / "3.h5"
    result = run_trial(spec, data, path, "gluon")
    model = new_model(spec.network, spec.rule, "gluon")
    model.set_parameters(load_tree(path)["best"])
    got = evaluate(model, data.test, FigureOfMerit(TASKS["jsb"]))
    assert got == result.row()["test"]


def test_divergence_is_a_result(tiny_study, tmp_path):
    spec, data = tiny_study.trial("jsb", "NOAF", 1), tiny_dataset("jsb")
    wild = dict(spec.hyperparameters) | {"learning_rate": 1e38, "momentum": 0.0}
    result = run_trial(
        dataclasses.replace(spec, hyperparameters=wild), data, tmp_path / "1.h5", "gluon"
    )
    assert result.status == "diverged"
    assert result.diverged_epoch == 1
    row = result.row()
    assert row["best_epoch"] == 0
    assert {name: row[name] for name in ("valid", "test")} == untrained_figures(spec, data)
    best = load_tree(tmp_path / "1.h5")["best"]
    assert {name: value.shape for name, value in best.items()} == spec.network.parameter_shapes()


def untrained_figures(spec, data):
    shapes, generator = spec.network.parameter_shapes(), np.random.default_rng(spec.training_seed)
    model = new_model(spec.network, spec.rule, "gluon")
    model.set_parameters(initial_parameters(shapes, spec.protocol.weight_std, generator))
    return {
        name: evaluate(model, data.splits[name], FigureOfMerit(TASKS[spec.task]))
        for name in ("valid", "test")
    }


def as_of_the_first_format(path):
    tree = {name: value for name, value in load_tree(path).items() if name != "untrained"}
    save_tree(path, tree | {"format_version": 1})


def test_a_result_of_the_first_format_is_judged_again_without_training(
    tiny_study, tmp_path, monkeypatch
):
    spec, data, path = tiny_study.trial("jsb", "V", 0), tiny_dataset("jsb"), tmp_path / "0.h5"
    run_trial(spec, data, path, "gluon")
    whole = load_tree(path)
    as_of_the_first_format(path)
    monkeypatch.setattr(trial_module, "train", None)
    result = run_trial(spec, data, path, "gluon")
    assert result.untrained == untrained_figures(spec, data)
    assert_equal(load_tree(path), whole)


def test_a_result_of_the_first_format_that_never_was_better_than_its_start_ends_there(
    tiny_study, tmp_path
):
    # The test dictates a curve that is worse than the untrained net's figure.
    spec, data, path = tiny_study.trial("jsb", "V", 0), tiny_dataset("jsb"), tmp_path / "0.h5"
    longer = dataclasses.replace(spec.protocol, epochs=50)
    spec = dataclasses.replace(spec, protocol=longer)
    run_trial(spec, data, path, "gluon")
    as_of_the_first_format(path)
    tree = load_tree(path)
    tree["curves"] = {name: np.arange(5) + 1000.0 for name in tree["curves"]}
    save_tree(path, tree | {"status": "diverged", "diverged_epoch": 6, "best_epoch": 1})
    result = run_trial(spec, data, path, "gluon")
    assert (result.status, result.diverged_epoch, result.best_epoch) == ("finished", 0, 0)
    assert result.curves["valid"].tolist() == [1000.0, 1001.0, 1002.0]  # patience is 2
    assert result.row()["test"] == untrained_figures(spec, data)["test"]
    model = new_model(spec.network, spec.rule, "gluon")
    model.set_parameters(load_tree(path)["best"])
    got = evaluate(model, data.test, FigureOfMerit(TASKS["jsb"]))
    assert got == result.row()["test"]


def test_a_checkpoint_of_the_first_format_goes_on_to_the_same_bits(tiny_study, tmp_path, fuse):
    spec, data = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb")
    run_trial(spec, data, tmp_path / "whole.h5", "gluon")
    path = tmp_path / "1.h5"
    fuse(9)
    with pytest.raises(Killed):
        run_trial(spec, data, path, "gluon", saving=ALWAYS)
    as_of_the_first_format(path)
    as_of_the_first_format(previous_generation(path))
    fuse(np.inf)
    run_trial(spec, data, path, "gluon")
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    assert_equal(without_wall_clock(load_tree(path)), whole)


@pytest.mark.parametrize("calls", [0, 1, 3, 4])
def test_a_kill_while_the_untrained_net_is_judged_costs_no_bit(tiny_study, tmp_path, calls):
    spec, data, path = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb"), tmp_path / "1.h5"
    run_trial(spec, data, tmp_path / "whole.h5", "gluon")
    left = iter(range(calls))

    class Deadly(Observer):
        def ran(self, spec, state):
            if next(left, None) is None:
                raise Killed

    with pytest.raises(Killed):
        run_trial(spec, data, path, "gluon", observers=[Deadly()])
    run_trial(spec, data, path, "gluon")
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    assert_equal(without_wall_clock(load_tree(path)), whole)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def write_another_kind(path):
    path.write_text("trial,test\n0,8.5\n")


def write_a_newer_format(path):
    save_tree(path, load_tree(path) | {"format_version": 99})


def write_another_trial(path):
    save_tree(path, load_tree(path) | {"trial": 7, "fingerprint": "another"})


def write_an_older_version(path):
    save_tree(path, load_tree(path) | {"fingerprint": "that of RESULTS_VERSION 0"})


def write_other_data(path):
    save_tree(path, load_tree(path) | {"data": {"source": "other", "fingerprint": "other"}})


@pytest.mark.parametrize(
    ("harm", "aside", "words"),
    [
        (truncate, "damaged", "truncated or altered"),
        (flip_a_bit, "damaged", "truncated or altered"),
        (write_another_kind, "damaged", "not a file of odyssey's"),
        (write_a_newer_format, "damaged", "has format version 99, this odyssey reads up to 2"),
        (write_another_trial, "other", "is of another trial, jsb/V/7"),
        (write_an_older_version, "other", "is of other settings or another version"),
        (write_other_data, "other", "is of other data"),
    ],
)
def test_files_of_no_use_are_told_apart_and_moved_aside(
    tiny_study, tmp_path, caplog, harm, aside, words
):
    spec, data = tiny_study.trial("jsb", "V", 0), tiny_dataset("jsb")
    path = tmp_path / "jsb" / "V" / "0.h5"
    run_trial(spec, data, path, "gluon")
    harm(path)
    harmed = path.read_bytes()
    assert find_trial(path, spec, data.fingerprint) is None
    assert [file.name for file in path.parent.iterdir()] == [f"0.{aside}-1.h5"]
    assert (path.parent / f"0.{aside}-1.h5").read_bytes() == harmed
    assert words in caplog.text
    assert str(path) in caplog.text


def test_what_was_moved_aside_is_found_again_when_its_settings_come_back(tiny_study, tmp_path):
    one, other = tiny_study.trial("jsb", "V", 0), tiny_study.trial("jsb", "V", 1)
    data, path = tiny_dataset("jsb"), tmp_path / "0.h5"
    run_trial(one, data, path, "gluon")
    of_one = path.read_bytes()
    run_trial(other, data, path, "gluon")
    of_other = path.read_bytes()
    for spec, content in ((one, of_one), (other, of_other), (one, of_one)):
        run_trial(spec, data, path, "gluon")
        assert path.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_results_of_an_older_version_are_computed_anew(tiny_study, tmp_path, monkeypatch):
    spec, data, path = tiny_study.trial("jsb", "V", 0), tiny_dataset("jsb"), tmp_path / "0.h5"
    run_trial(spec, data, path, "gluon")
    monkeypatch.setattr("odyssey.study.trials.RESULTS_VERSION", 99)
    assert run_trial(spec, data, path, "gluon").settings["results_version"] == 99
    assert load_tree(tmp_path / "0.other-1.h5")["fingerprint"] != load_tree(path)["fingerprint"]


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tiny_study, tmp_path, fuse):
    spec, data = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb")
    run_trial(spec, data, tmp_path / "whole.h5", "gluon")
    path = tmp_path / "1.h5"
    fuse(4)
    with pytest.raises(Killed):
        run_trial(spec, data, path, "gluon", saving=ALWAYS)
    path.write_bytes(b"")
    tree = find_trial(path, spec, data.fingerprint)
    assert tree["state"]["position"] == 3
    fuse(np.inf)
    run_trial(spec, data, path, "gluon")
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    assert_equal(without_wall_clock(load_tree(path)), whole)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_failing_save_is_one_line_and_costs_nothing(
    tiny_study, tmp_path, monkeypatch, fuse, call, code
):
    spec, data = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb")
    whole, path = tmp_path / "whole" / "1.h5", tmp_path / "1.h5"
    run_trial(spec, data, whole, "gluon")
    fuse(3)
    with pytest.raises(Killed):
        run_trial(spec, data, path, "gluon", saving=ALWAYS)
    fuse(np.inf)
    really, left = getattr(os, call), iter(range(6))

    def fail(*arguments, **options):
        if next(left, None) is None:
            raise OSError(code, os.strerror(code), str(path))
        return really(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(TrialError, match=os.strerror(code)) as caught:
            run_trial(spec, data, path, "gluon", saving=ALWAYS)
    assert "\n" not in str(caught.value)
    assert load_tree(path)["status"] == "running"
    run_trial(spec, data, path, "gluon")
    assert_equal(without_wall_clock(load_tree(path)), without_wall_clock(load_tree(whole)))
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["1.h5"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_without_hard_links_a_killed_trial_goes_on_with_the_same_bits(
    tiny_study, tmp_path, monkeypatch, fuse, code
):
    def link(*arguments):
        raise OSError(code, os.strerror(code), str(arguments[0]))

    spec, data = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb")
    run_trial(spec, data, tmp_path / "whole.h5", "gluon")
    monkeypatch.setattr(os, "link", link)
    path, deaths = tmp_path / "killed" / "1.h5", 0
    while deaths < 100:
        fuse(2 + deaths % 3)
        try:
            run_trial(spec, data, path, "gluon", saving=ALWAYS)
            break
        except Killed:
            deaths += 1
            previous_generation(path).rename(path)  # as after a kill between the two renames
            path.rename(previous_generation(path))
    assert deaths >= 3
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    assert_equal(without_wall_clock(load_tree(path)), whole)
    assert [file.name for file in path.parent.iterdir()] == ["1.h5"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "once there is space, run again"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "once your quota has room, run again"),
        (PermissionError(errno.EACCES, "Permission denied"), "once the folder can be written"),
        (OSError(errno.EIO, "Input/output error"), "once the file system answers again"),
        (OSError(errno.EMFILE, "Too many open files"), "with a higher limit of open files"),
        (OSError("libgomp.so.1: cannot open shared object file"), "once that is mended"),
    ],
)
def test_the_error_of_a_file_says_what_is_to_be_done(
    tiny_study, tmp_path, monkeypatch, error, words
):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(trial_module, "find_trial", fail)
    with pytest.raises(TrialError, match=words) as caught:
        run_trial(tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb"), tmp_path / "1.h5", "gluon")
    assert "\n" not in str(caught.value)
    assert ("can be written" in str(caught.value)) == (error.errno == errno.EACCES)
    assert str(caught.value).startswith(str(tmp_path / "1.h5") if error.errno else "libgomp")


def test_a_short_write_is_noticed(tiny_study, tmp_path, monkeypatch, fuse):
    """A disk that takes half of a checkpoint and says nothing."""
    spec, data, path = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb"), tmp_path / "1.h5"
    run_trial(spec, data, tmp_path / "whole.h5", "gluon")
    really = Path.write_bytes

    def half(path, content):
        return really(path, content[: len(content) // 2] if ".h5" in path.name else content)

    fuse(4)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(Killed):
            run_trial(spec, data, path, "gluon", saving=ALWAYS)
    fuse(np.inf)
    run_trial(spec, data, path, "gluon")
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    assert_equal(without_wall_clock(load_tree(path)), whole)


@pytest.mark.parametrize("sequences", [0, 3, 5, 8, 10, 11, 13, 14, 15, 18])
def test_what_is_asked_to_stop_is_saved_and_stops(tiny_study, tmp_path, sequences):
    """Three and two are evaluated; of an epoch five are trained on, three and two evaluated."""
    spec, data, path = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb"), tmp_path / "1.h5"
    run_trial(spec, data, tmp_path / "whole.h5", "gluon")
    calls = iter(range(sequences))

    class Impatient(Observer):
        def asks_to_stop(self):
            return "" if next(calls, None) is not None else "a whim"

    with pytest.raises(stopping.Stopped, match="saved and stopped on a whim"):
        run_trial(spec, data, path, "gluon", observers=[Impatient()])
    if sequences >= 5:  # before, nothing was trained: nothing to save
        assert load_tree(path)["state"]["position"] or load_tree(path)["curves"]["valid"].size
    run_trial(spec, data, path, "gluon")
    whole = without_wall_clock(load_tree(tmp_path / "whole.h5"))
    assert_equal(without_wall_clock(load_tree(path)), whole)


def test_a_process_taken_for_dead_writes_nothing(tiny_study, tmp_path, fuse):
    spec, data, path = tiny_study.trial("jsb", "V", 1), tiny_dataset("jsb"), tmp_path / "1.h5"
    fuse(3)
    with pytest.raises(Killed):
        run_trial(spec, data, path, "gluon", saving=ALWAYS)
    saved, keeper = path.read_bytes(), {"calls": 0}
    fuse(np.inf)

    class Thief(Observer):
        def saved(self, spec, seconds):
            keeper["calls"] += 1
            if keeper["calls"] == 2:
                keeper["content"] = path.read_bytes()
                path.with_suffix(".lease").write_text('{"token": "another"}')

    with pytest.raises(LeaseLost):
        run_trial(spec, data, path, "gluon", saving=ALWAYS, observers=[Thief()])
    assert saved != path.read_bytes() == keeper["content"]
    assert keeper["calls"] == 2
