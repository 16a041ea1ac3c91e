"""A study's own Python files: loaded wherever a study or a trial is made, refused in one line."""

import multiprocessing
import pickle
from pathlib import Path

import pytest

from odyssey.runs.products import products
from odyssey.study.hyperparameters import HYPERPARAMETERS
from odyssey.study.study import ConfigError, load_study
from odyssey.tasks import TASKS
from tests.conftest import SCHEMA
from tests.support.rows import rows_of_a_test

TASK = """
from odyssey.tasks import Source, Task, register

def read(corpus, **options):
    raise NotImplementedError

SOURCES = {"made": Source(read, "made up")}
register(Task("humming", "Humming", 3, 4, False, "softmax", SOURCES{more}))
"""
SCALE = """
from odyssey.study.hyperparameters import Hyperparameter, register

def scale(parameters, value, network):
    for array in parameters.values():
        array *= value

register(Hyperparameter("scale", float, 0, 10, "a number from 0 to 10", at_start=scale{more}))
"""
FIXED = {"law": "fixed", "value": 2.0}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The study's folder, in which the test works; what it registers goes with it."""
    monkeypatch.chdir(tmp_path)
    with rows_of_a_test():
        yield tmp_path


def write(folder, name, text, more=""):
    (folder / name).write_text(text.replace("{more}", more), encoding="utf-8")
    return name


def extended(config, *files, **changes):
    return load_study(config | {"extensions": list(files), "tasks": ["humming"]} | changes, SCHEMA)


def test_what_an_extension_registers_is_legal_in_the_same_study(folder, config):
    files = write(folder, "task.py", TASK), write(folder, "scale.py", SCALE)
    config["search_space"]["scale"] = FIXED
    study = extended(config, *files)
    trial = study.trial("humming", "V", 0)
    assert (trial.network.inputs, trial.network.outputs) == (3, 4)
    assert trial.hyperparameters["scale"] == 2.0
    assert [value for _, value in trial.at_start] == [2.0]
    assert study.data_options("humming") == {"source": "made"}
    assert extended(config, *files).trial("humming", "V", 0) == trial  # imported once


def test_without_its_extension_a_name_is_refused_with_those_that_there_are(config):
    config["search_space"]["scale"] = FIXED
    with pytest.raises(ConfigError, match="unknown hyperparameter 'scale': use hidden, learning_r"):
        load_study(config, SCHEMA)
    with pytest.raises(ConfigError, match=r"unknown task 'humming': use timit, iamondb, jsb$"):
        load_study(config | {"tasks": ["humming"]}, SCHEMA)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\nb = 1 / 0\n", "bad.py, line 2: ZeroDivisionError: division by zero"),
        ("import nothing_of_that_name\n", "bad.py, line 1: ModuleNotFoundError: No module named"),
        ("def f(:\n", "bad.py, line 1: SyntaxError: invalid syntax"),
        ("import sys\n\nsys.exit('no')\n", "bad.py, line 3: SystemExit: no"),
        ("def f():\n    raise ValueError('a\\nb')\n\nf()\n", "bad.py, line 2: ValueError: a b"),
        (TASK.replace("humming", "jsb"), "there is a task 'jsb' already, from odyssey itself"),
        (TASK.replace('"humming"', '"logs"'), "line 8: ValueError: a task's name must be letters"),
        (TASK.replace("softmax", "hinge"), "line 8: ValueError: unknown loss 'hinge': use softmax"),
        (SCALE.replace('"scale"', '"noise"'), "there is a hyperparameter 'noise' already"),
        (SCALE.replace('"scale"', '"epochs"'), "no other column of trials.csv, got 'epochs'"),
        (SCALE.replace(", at_start=scale", ""), "must either fill a field or act at the start"),
    ],
)
def test_an_extension_that_fails_ends_in_one_line_with_its_place(folder, config, text, words):
    write(folder, "bad.py", text)
    with pytest.raises(ConfigError) as caught:
        extended(config, "bad.py")
    assert str(caught.value).startswith("config: extensions: bad.py")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_refused(folder, config, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    for file, words in (
        ("none.py", r"none\.py: can't be read \(No such file or directory\): name a Python file"),
        (str(folder), r"can't be read \(Is a directory\)"),
        ("$NOWHERE/a.py", "the variable NOWHERE must be set"),
    ):
        with pytest.raises(ConfigError, match=words):
            extended(config, file)


def test_a_name_of_two_extensions_is_refused_with_the_first(folder, config):
    write(folder, "a.py", TASK)
    write(folder, "b.py", TASK.replace("Humming", "Hums"))
    with pytest.raises(
        ConfigError, match=r"b\.py, line 8: there is a task 'humming' already, fr"
    ) as e:
        extended(config, "a.py", "b.py")
    assert "from a.py: choose another name" in str(e.value)


def test_what_a_file_that_fails_had_registered_is_forgotten_and_a_mended_one_is_read(
    folder, config
):
    before = dict(TASKS)
    write(folder, "task.py", TASK + "\nraise RuntimeError('later')\n")
    with pytest.raises(ConfigError, match="line 10: RuntimeError: later"):
        extended(config, "task.py")
    assert dict(TASKS) == before
    write(folder, "task.py", TASK)
    assert extended(config, "task.py").tasks == ["humming"]


def test_versions_that_are_not_1_are_part_of_what_trials_and_data_are(folder, config):
    config["search_space"]["scale"] = FIXED
    found = {}
    for name, of_task, of_scale in (
        ("1", "", ""),
        ("2", ", version=2", ""),
        ("3", "", ", version=2"),
    ):
        with rows_of_a_test():
            files = (
                write(folder, f"task{name}.py", TASK, of_task),
                write(folder, f"scale{name}.py", SCALE, of_scale),
            )
            study = extended(config, *files)
            trial = study.trial("humming", "V", 0)
            found[name] = trial.fingerprint, study.search_fingerprint("humming")
            assert trial.settings.get("versions", {}) == study.versions("humming")
            if name == "1":
                assert "versions" not in trial.settings
                assert study.data_version("humming") == 2
            if name == "2":
                assert trial.settings["versions"] == {"task humming": 2}
                assert study.data_version("humming") == [2, 2]
    assert len({each for pair in found.values() for each in pair}) == 6


def test_the_report_knows_versions_that_are_not_1(folder, config):
    def settings(*files):
        return list(products(extended(config, *files)))[-1].settings

    with rows_of_a_test():
        assert "versions" not in settings(write(folder, "a.py", TASK))
    found = settings(write(folder, "b.py", TASK, ", version=2"))
    assert found["versions"] == {"task humming": 2}


def test_cells_that_the_gpu_kernels_do_not_know_are_refused_there(folder, config):
    cell = Path(__file__).parents[1] / "workflow" / "extensions" / "tanh_cell.py"
    changes = {"extensions": [str(cell)], "tasks": ["jsb"], "variants": ["V", "TANH"]}
    study = load_study(config | changes, SCHEMA)
    assert [cell.code for cell in study.fused_variants] == ["V"]
    config["task_settings"]["jsb"]["device"] = "gpu"
    with pytest.raises(
        ConfigError, match="GPU kernels don't know TANH: set the device of jsb to cpu"
    ):
        load_study(config | changes, SCHEMA)
    load_study(config | changes | {"kernels": "gluon"}, SCHEMA)
    with pytest.raises(ConfigError, match="GPU kernels don't know GRU, RNN: set the device of jsb"):
        load_study(config | {"tasks": ["jsb"], "variants": ["V", "GRU", "RNN"]}, SCHEMA)


CELL = """
from odyssey.networks.cells import register

class Last:
    code, name = "LAST", "what was seen last"
    blocks = state = ("y",)

    def parameter_shapes(self, inputs, hidden):
        return {"W": (hidden, inputs), "b": (hidden,)}

    def step(self, ops, a, state, p):
        y = state[0] + ops.tanh(a - state[0])
        return y, [y]

register(Last())
"""


def with_cells(config, files, **changes):
    return load_study(config | {"cells": files, "tasks": ["jsb"]} | changes, SCHEMA)


def test_the_cells_of_a_file_are_trained_beside_the_variants(folder, config):
    file = write(folder, "last.py", CELL)
    config["variants"] = ["V", "GRU"]
    study = with_cells(config, file)
    assert study.variants == ["V", "GRU", "LAST"]
    assert [block.variant for block in study.blocks("jsb")][-1] == "LAST"
    assert [cell.code for cell in study.fused_variants] == ["V", "GRU"]
    assert study.trial("jsb", "LAST", 0).network.variant.code == "LAST"
    assert with_cells(config, [file], variants=["LAST", "V"]).variants == ["LAST", "V"]
    assert with_cells(config, file, extensions=[file]).variants == study.variants  # read once
    without = load_study(config | {"tasks": ["jsb"]}, SCHEMA)
    assert study.trial("jsb", "GRU", 3) == without.trial("jsb", "GRU", 3)
    assert study.search_fingerprint("jsb") == without.search_fingerprint("jsb")


def variants_of(study):
    return study.variants, study.trial("jsb", "LAST", 1).network.size


def test_a_spawned_process_knows_the_cells_of_a_file(folder, config):
    study = with_cells(config, write(folder, "last.py", CELL))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(variants_of, (study,)) == variants_of(study)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\n", "must register a cell, registers none: end it with odyssey.networks.cells.re"),
        (CELL.replace("LAST", "GRU"), "line 15: there is a cell 'GRU' already, from odyssey"),
        (CELL + "raise OSError('no')\n", "bad.py, line 16: OSError: no"),
        (
            "from odyssey.networks.cells import register\n"
            "from odyssey.networks.variants import LSTMVariant\n"
            "register(LSTMVariant('MINE', 'mine', peepholes=False))\n",
            "MINE is the same network as NP: leave one out",
        ),
    ],
)
def test_a_file_of_cells_that_has_none_or_fails_ends_in_one_line(folder, config, text, words):
    with pytest.raises(ConfigError) as caught:
        with_cells(config, write(folder, "bad.py", text), variants=["V", "NP"])
    assert str(caught.value).startswith(("config: cells: bad.py", "config: variants: MINE"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def network_of(study, trial):
    return study.trial("humming", "V", trial).network.inputs


def test_a_spawned_process_that_gets_the_study_knows_its_rows(folder, config):
    study = extended(config, write(folder, "task.py", TASK))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(network_of, (study, 0)) == 3
    assert pickle.loads(pickle.dumps(study)).trial("humming", "V", 1) == study.trial(
        "humming", "V", 1
    )


def test_colours_and_words_of_a_hyperparameter_follow_from_its_name(folder, config):
    extended(config, write(folder, "task.py", TASK), write(folder, "scale.py", SCALE))
    row = HYPERPARAMETERS["scale"]
    assert (row.label, row.short, row.colour) == ("scale", "scale", "")
