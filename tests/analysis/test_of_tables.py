"""The published tables of trials give every figure and verdict again, without training."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner

from odyssey.analysis.claims.of_paper import CLAIMS
from odyssey.analysis.findings import read_trials
from odyssey.analysis.report.closing import closing_words
from odyssey.analysis.report.of_tables import UnusableTable, check_trials
from odyssey.cli import main
from odyssey.runs.products import figure_names
from odyssey.study.hyperparameters import Hyperparameter, register
from odyssey.study.study import Study, load_study
from tests.conftest import ROOT
from tests.support.analysis_fixtures import made_up_trials
from tests.support.rows import rows_of_a_test

DOCS = ROOT / "docs"
QUICK = "analysis: {bootstrap: 0, trees: 4}\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `odyssey report` as a reader of the checkout does, with quick forests."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    monkeypatch.chdir(ROOT)

    def run(*arguments, out="out"):
        quick = ["--configfile", str(tmp_path / "quick.yaml"), "--out", str(tmp_path / out)]
        return CliRunner().invoke(main, ["report", *map(str, arguments), *quick])

    return run


@pytest.fixture
def made_up(tmp_path):
    """A table of made-up trials of the study of config.yaml."""
    study = Study(yaml.safe_load((ROOT / "config.yaml").read_text()))
    path = tmp_path / "trials.csv"
    made_up_trials(study, "jsb", 12).to_csv(path, index=False)
    return path


def test_the_published_table_gives_all_figures_and_verdicts(run, tmp_path):
    table = DOCS / "reproduction-jsb" / "trials.csv"
    made = run(table, "--configfile", DOCS / "reproduction-jsb.yaml")
    assert made.exit_code == 0, made.output
    out = tmp_path / "out"
    page = (out / "report.html").read_text()
    assert read_trials(out / "trials.csv").equals(read_trials(table))
    assert {path.stem for path in (out / "figures").glob("*.svg")} == {*figure_names(["jsb"])}
    music = sum("jsb" in tasks for _, tasks, _ in CLAIMS)
    assert page.count('class="evidence"') == music
    assert not re.search(r"only \d+ trials|not made|variants are not in", page)
    distances = json.loads((out / "paper.json").read_text())["jsb"]["distances"]
    assert len(distances) == 6
    for row in distances:
        assert f"<td>{row['part']}</td>" in page
        assert f"<td><b>{row['distance']:.2f}</b></td><td>{row['floor']:.2f}</td>" in page
    assert page.count("<td>best</td>") == page.count("<td>all</td>") == 9


def test_who_has_a_report_reads_where_it_is_and_what_was_best(run, made_up, tmp_path, config):
    assert run(made_up).exit_code == 0
    study = Study(config | {"results": str(tmp_path / "out"), "tasks": ["jsb"]})
    words = closing_words(study, ["docs/mine.yaml", "config.yaml"])
    best = read_trials(made_up).sort_values("valid").iloc[0]
    assert words.startswith(f"Open {tmp_path / 'out' / 'report.html'}\n")
    assert f"JSB Chorales: {best.test:.4g} by {best.variant}" in words
    assert "odyssey status --configfile docs/mine.yaml\n" in words
    (tmp_path / "out" / "trials.csv").unlink()
    assert closing_words(study) == ""


def test_on_other_data_the_paper_stands_aside(run, made_up, tmp_path):
    made = run(made_up)
    assert made.exit_code == 0, made.output
    assert "How far from" not in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "paper.json").read_text())["jsb"]["distances"] == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns=["host", "seed"]), "needs the columns host, seed"),
        (lambda rows: rows.assign(variant="GRU"), "of variant GRU do not belong to this study"),
        (lambda rows: rows.assign(task="chess"), "of task chess do not belong to this study"),
        (lambda rows: rows.assign(trial=1), "jsb V 1 is there more often"),
        (lambda rows: rows.assign(test="good"), "columns test must hold numbers"),
        (lambda rows: rows[:0], "have none"),
    ],
)
def test_a_table_that_is_not_the_studys_is_refused_in_one_line(run, made_up, spoil, message):
    spoil(read_trials(made_up)).to_csv(made_up, index=False)
    made = run(made_up)
    assert made.exit_code == 1
    assert message in made.output
    assert made.output.count("\n") == 1


def test_a_table_needs_the_hyperparameters_of_its_own_tasks_alone(made_up, config):
    law, trials = {"law": "uniform", "low": 0, "high": 1}, read_trials(made_up)
    config["task_settings"]["timit"]["search_space"]["extra"] = law
    with rows_of_a_test():
        register(Hyperparameter("extra", float, 0, 1, "a number from 0 to 1", at_start=len))
        study = load_study(config)
        check_trials(study, trials)
        with pytest.raises(UnusableTable, match=r"needs the columns extra$"):
            check_trials(study, trials.assign(task="timit"))


def test_what_is_no_table_is_refused_in_one_line(run, tmp_path):
    (tmp_path / "note.csv").write_text("a,b\nc,d,e\n,,,,\n")
    made = run(tmp_path / "note.csv")
    assert (made.exit_code, made.output.count("\n")) == (1, 1)
    assert "must be a table of trials as CSV" in made.output


def test_neither_the_table_nor_the_studys_results_are_written_over(run, made_up):
    before = made_up.read_bytes()
    made = run(made_up, out=".")
    assert "must not hold its tables" in made.output
    made = run(made_up, out=ROOT / "results")
    assert "the results of the study itself" in made.output
    assert made_up.read_bytes() == before
