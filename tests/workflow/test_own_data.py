"""The example of docs/extending.md, smaller: a file of one's own, from the entry to the report."""

import csv
import json
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.datasets import load_dataset
from odyssey.storage.tree_file import load_tree
from tests.conftest import ROOT
from tests.support.tiny_workflow import TinyWorkflow

TRIALS = 8
EXAMPLE = yaml.safe_load((ROOT / "docs" / "digits.yaml").read_text(encoding="utf-8"))
SMALLER = {
    **{key: EXAMPLE[key] for key in ("tasks", "data", "search_space")},
    "variants": ["V", "NFG"],
    "trials": TRIALS,
    "kernels": "fused",
    "protocol": {"epochs": 3},
    "analysis": {"trees": 4, "bootstrap": 2},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study, trained to its report."""
    study = TinyWorkflow(tmp_path_factory.mktemp("own_data"))
    command = [sys.executable, ROOT / "docs" / "digits.py", "example/digits.h5", "400"]
    subprocess.run(command, cwd=study.folder, check=True)
    study.run("all", **SMALLER)
    return study


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_some_trials_learn_what_no_trivial_model_knows(study):
    rows = rows_of(study.folder / "results" / "trials.csv")
    assert len(rows) == 2 * TRIALS
    assert {row["status"] for row in rows} <= {"finished", "diverged"}
    data = load_dataset(study.folder / "data" / "digits.h5")
    assert [len(split) for split in data.splits.values()] == [240, 80, 80]
    assert min(float(row["test"]) for row in rows) < data.baselines["majority class"] - 20


def test_each_sequence_counts_once(study):
    rows = rows_of(study.folder / "results" / "trials.csv")
    share = 100 / 80  # of one digit of the test set, in percent
    for row in rows:
        assert float(row["test"]) / share == pytest.approx(round(float(row["test"]) / share))


def test_trials_train_on_the_fused_kernels(study):
    file = study.folder / "results" / "trials" / "digits" / "V" / "0.h5"
    assert load_tree(file)["kernels"].startswith("fused")


def test_the_report_tells_of_the_task_and_of_nothing_of_the_papers(study):
    results = study.folder / "results"
    page = (results / "report.html").read_text(encoding="utf-8")
    for words in ("Digits row by row", "frame error", "majority class"):
        assert words in page
    for heading in ("The paper's claims, and", "How far from the paper"):
        assert f"<h2>{heading}" not in page
    assert "<h2>The best trials</h2>" in page
    assert (results / "figures" / "figure6-digits.svg").exists()
    found = json.loads((results / "fanova" / "digits.json").read_text(encoding="utf-8"))
    assert "learning_rate" in found["factors"]
    assert json.loads((results / "comparison" / "digits.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", ["plan", "status"])
def test_commands_know_the_task(study, command):
    study.write_config(**SMALLER)
    found = CliRunner().invoke(main, [command, "--directory", str(study.folder)])
    assert found.exit_code == 0, found.output
    assert "Digits" in found.output or "digits" in found.output


def test_nothing_is_left_to_do_until_the_file_changes(study):
    assert "Nothing to be done" in study.run("all", **SMALLER)
    command = [sys.executable, ROOT / "docs" / "digits.py", "example/digits.h5", "390"]
    subprocess.run(command, cwd=study.folder, check=True)
    log = study.run("all", "-n", **SMALLER)
    assert "the corpus has changed since" in log
    assert "train_trials" in log
