"""What users bring: each in one file outside odyssey/, all trained together to a report."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.networks.cells import get_cell
from odyssey.runs.trial import first_parameters
from odyssey.storage.datasets import load_dataset
from odyssey.storage.tree_file import load_tree
from odyssey.study.study import read_study
from tests.support.rows import rows_of_a_test
from tests.support.tiny_workflow import TinyWorkflow

FOLDER = Path(__file__).parent / "extensions"
CELL = FOLDER / "tanh_cell.py"
#: In the order of their names: a task comes behind its loss.
EXTENSIONS = sorted({*FOLDER.glob("*.py")} - {CELL})
TRIALS = 8
CHANGES = {
    "extensions": [str(path) for path in EXTENSIONS],
    "tasks": ["delay", "follow"],
    "cells": str(CELL),
    "variants": ["V"],
    "trials": TRIALS,
    "kernels": "fused",
    "search_space": {
        "learning_rate": {"law": "log-uniform", "low": 0.001, "high": 0.1},
        "input_bias": {"law": "uniform", "low": -2, "high": 2},
    },
    "task_settings": {"delay": {"trials_per_job": 4}},
    "data": {"delay": {"source": "made", "sequences": 8}},
    "analysis": {"trees": 4, "bootstrap": 2},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study, trained to its report."""
    study = TinyWorkflow(tmp_path_factory.mktemp("opened"))
    study.run("all", **CHANGES)
    return study


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_trial_is_trained_with_what_was_brought(study):
    rows = rows_of(study.folder / "results" / "trials.csv")
    assert len(rows) == 2 * 2 * TRIALS
    assert {row["status"] for row in rows} == {"finished"}
    columns = list(rows[0])
    assert columns.index("noise") < columns.index("input_bias") < columns.index("parameters")
    for row in rows:
        assert (row["input_bias"] == "") == (row["variant"] == "TANH")  # which has no input gate
        assert -2 <= float(row["input_bias"] or 0) <= 2
    for task in CHANGES["tasks"]:
        assert len({row["test"] for row in rows if row["task"] == task}) > 2


def test_some_trials_learn_what_the_trivial_models_do_not(study):
    rows = rows_of(study.folder / "results" / "follow" / "trials.csv")
    baseline = load_dataset(study.folder / "data" / "follow.h5").baselines["mean"]
    assert min(float(row["test"]) for row in rows) < baseline


def test_each_cell_trains_on_what_knows_it(study):
    trials = study.folder / "results" / "trials" / "follow"
    for code, kernels in (("V", "fused"), ("TANH", "gluon")):
        assert load_tree(trials / code / "0.h5")["kernels"].startswith(kernels)
    hidden, parameters = (
        load_tree(trials / "TANH" / "0.h5")[name] for name in ("hyperparameters", "best")
    )
    assert parameters["forward.R"].shape == (hidden["hidden"], hidden["hidden"])


def test_the_report_tells_of_them(study):
    results = study.folder / "results"
    page = (results / "report.html").read_text(encoding="utf-8")
    for words in (
        "Delay by two",
        "Running mean",
        "frame error",
        "root mean squared",
        "TANH",
        "input bias",
    ):
        assert words in page
    found = json.loads((results / "fanova" / "delay.json").read_text(encoding="utf-8"))
    assert "input_bias" in found["factors"]
    assert found["searches"]["TANH"]["lacks"] == ["input_bias"]
    assert "input_bias is no factor of TANH, which has nothing that it acts on" in page


def test_files_can_be_looked_at_without_the_study_that_they_are_of(study):
    results = study.folder / "results"
    for file, words in (
        (results / "trials" / "follow" / "V" / "0.h5", ("follow/V/0", "input_bias")),
        (results / "follow" / "V" / f"trials_0-{TRIALS - 1}.h5", ("finished",)),
        (study.folder / "data" / "follow.h5", ("follow from made-up numbers", "Baseline mean: ")),
        (study.folder / "data" / "delay.h5", ("'first'", "Baseline majority class: ")),
    ):
        found = CliRunner().invoke(main, ["inspect", str(file)])
        assert found.exit_code == 0, found.output
        for word in words:
            assert word in found.output


def test_nothing_is_left_to_do_afterwards(study):
    assert "Nothing to be done" in study.run("all", **CHANGES)


@pytest.mark.parametrize("variant", ["V", "NFG", "CIFG"])
def test_a_hyperparameter_of_ones_own_acts_at_the_start_and_changes_no_other_draw(study, variant):
    study.write_config(**CHANGES)
    with rows_of_a_test():
        opened = read_study(root=study.folder)
        assert opened.lacking("delay", "TANH") == ("input_bias",)
        spec = opened.trial("delay", variant, 3)
        value = spec.hyperparameters["input_bias"]
        drawn = {k: v for k, v in spec.hyperparameters.items() if k != "input_bias"}
        plain = dataclasses.replace(spec, hyperparameters=drawn)
        found, before = (
            first_parameters(each, np.random.default_rng(spec.training_seed))
            for each in (spec, plain)
        )
        blocks, hidden = get_cell(variant).blocks, spec.network.hidden
        for name, array in before.items():
            added = np.zeros_like(array)
            if name == "forward.b":
                added[blocks.index("i") * hidden :][:hidden] = value
            np.testing.assert_array_equal(found[name], array + added)
        assert value != 0
