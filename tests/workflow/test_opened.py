"""What users bring: each in one file outside odyssey/, all trained together to a report."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from odyssey.runs.trial import first_parameters
from odyssey.study.study import read_study
from tests.support.rows import rows_of_a_test
from tests.support.tiny_workflow import TinyWorkflow

EXTENSIONS = sorted((Path(__file__).parent / "extensions").glob("*.py"))
FIXED = {"law": "fixed", "value": 0.5}
CHANGES = {
    "extensions": [str(path) for path in EXTENSIONS],
    "tasks": ["delay"],
    "variants": ["V", "NFG"],
    "trials": 12,
    "search_space": {
        "learning_rate": {"law": "log-uniform", "low": 0.001, "high": 0.1},
        "forget_bias": {"law": "uniform", "low": -2, "high": 2},
    },
    "task_settings": {"delay": {"trials_per_job": 6}},
    "data": {"delay": {"source": "made", "sequences": 8}},
    "analysis": {"trees": 8, "bootstrap": 3},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study, trained to its report."""
    study = TinyWorkflow(tmp_path_factory.mktemp("opened"))
    study.log = study.run("all", **CHANGES)
    return study


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_trial_is_trained_with_what_was_brought(study):
    rows = rows_of(study.folder / "results" / "trials.csv")
    assert len(rows) == 2 * 12
    assert {row["status"] for row in rows} == {"finished"}
    columns = list(rows[0])
    assert columns.index("forget_bias") < columns.index("parameters")
    assert all(-2 <= float(row["forget_bias"]) <= 2 for row in rows)
    assert len({row["test"] for row in rows}) > 3


def test_the_report_tells_of_them(study):
    page = (study.folder / "results" / "report.html").read_text(encoding="utf-8")
    for words in ("Delay by two", "frame error", "forget bias"):
        assert words in page
    fanova = json.loads((study.folder / "results" / "fanova" / "delay.json").read_text())
    assert "forget_bias" in json.dumps(fanova)


def test_nothing_is_left_to_do_afterwards(study):
    study.run("all", **CHANGES)
    assert "Nothing to be done" in study.run("all", **CHANGES)


@pytest.mark.parametrize("variant", ["V", "NFG"])
def test_a_hyperparameter_of_ones_own_acts_at_the_start_and_changes_no_other_draw(study, variant):
    study.write_config(**CHANGES)
    with rows_of_a_test():
        spec = read_study(root=study.folder).trial("delay", variant, 3)
        value = spec.hyperparameters["forget_bias"]
        drawn = {k: v for k, v in spec.hyperparameters.items() if k != "forget_bias"}
        plain = dataclasses.replace(spec, hyperparameters=drawn)
        found, before = (
            first_parameters(each, np.random.default_rng(spec.training_seed))
            for each in (spec, plain)
        )
        blocks, hidden = spec.network.variant.blocks, spec.network.hidden
        for name, array in before.items():
            added = np.zeros_like(array)
            if name == "forward.b" and "f" in blocks:
                added[blocks.index("f") * hidden :][:hidden] = value
            np.testing.assert_array_equal(found[name], array + added)
        assert value != 0
