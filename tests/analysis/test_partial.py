"""Reports on what is there: finished trials count, nothing of the study moves."""

import json
import re

import numpy as np
import pytest

from odyssey.analysis.findings import read_trials
from odyssey.analysis.report.partial import NothingYet, write_partial
from odyssey.runs.results import CURVES, TRIAL, write_block, write_trial
from odyssey.storage.tree_file import save_tree
from odyssey.study.study import load_study
from tests.conftest import ROOT, SCHEMA
from tests.support.tiny_workflow import TinyWorkflow
from tests.support.trial_results import trial_result

CAPTIONS = sorted((ROOT / "workflow" / "report").glob("*.rst"))


@pytest.fixture
def study(config, tmp_path):
    config |= {"results": str(tmp_path / "results"), "data_folder": str(tmp_path), "trials": 12}
    config |= {"tasks": ["jsb", "timit"], "variants": ["V", "NP", "FGR"]}
    config["task_settings"]["jsb"]["trials_per_job"] = 4
    config["analysis"] |= {"bootstrap": 3, "trees": 8}
    return load_study(config, SCHEMA)


def result(spec, test=9.0):
    figures = np.array([2 * test, test, 1.5 * test])
    return trial_result(
        spec.settings,
        fingerprint=spec.fingerprint,
        parameters=100 * spec.hyperparameters["hidden"],
        curves=dict.fromkeys(CURVES, figures),
    )


def finish(study, variant, trials, task="jsb"):
    for k in trials:
        spec = study.trial(task, variant, k)
        write_trial(study.trial_path(task, variant, k), result(spec, 9 + 0.1 * k), {})


def test_trials_count_once_they_are_finished(study):
    finish(study, "V", range(11))
    finish(study, "NP", range(2))
    running = study.trial("jsb", "NP", 5)
    tree = {"format": TRIAL, **result(running).to_tree(), "status": "running"}
    save_tree(study.trial_path("jsb", "NP", 5), tree)
    other = load_study(study.config | {"seed": 7}, SCHEMA)
    write_trial(study.trial_path("jsb", "NP", 6), result(other.trial("jsb", "NP", 6)), {})
    study.trial_path("jsb", "NP", 7).write_bytes(b"damaged")
    before = {path: path.stat().st_mtime_ns for path in study.results.rglob("*")}
    out = study.results / "partial" / "report.html"

    write_partial(study, CAPTIONS, out)

    trials = read_trials(out.parent / "trials.csv")
    assert trials.groupby("variant").trial.apply(list).to_dict() == {
        "V": list(range(11)),
        "NP": [0, 1],
    }
    assert {path: path.stat().st_mtime_ns for path in before} == before
    found = json.loads((out.parent / "fanova.json").read_text())["jsb"]["searches"]
    assert "low" in found["V"]["error"]["effects"][0]
    assert "at least 10 trials, got 2" in found["NP"]["error"]["skipped"]
    page = out.read_text()
    assert "Partial: 13 of 72 planned trials" in page
    assert re.search(r"TIMIT FGR: 12\n", page)
    assert (out.parent / "figures" / "figure6-jsb.png").exists()


def test_a_block_counts_where_its_trials_are_gone(study):
    specs = study.trials_of_block("jsb", "FGR", 4, 7)
    write_block(study.block_path("jsb", "FGR", 4, 7), map(result, specs))
    out = study.results / "partial" / "report.html"
    write_partial(study, CAPTIONS, out)
    assert list(read_trials(out.parent / "trials.csv").trial) == [4, 5, 6, 7]


def test_without_a_finished_trial_there_is_one_clear_line(study, tmp_path):
    with pytest.raises(NothingYet, match="needs a finished trial") as error:
        write_partial(study, CAPTIONS, tmp_path / "partial" / "report.html")
    assert "\n" not in str(error.value)


def test_the_workflow_reports_while_blocks_are_missing(tmp_path):
    study = TinyWorkflow(tmp_path)
    study.run("results/jsb/V/trials_0-1.h5")
    study.run("partial_report")
    folder = tmp_path / "results"
    assert "Partial: 2 of 6 planned trials" in (folder / "partial" / "report.html").read_text()
    study.run("results/jsb/V/trials_2-2.h5")
    study.run("partial_report")
    assert "Partial: 3 of 6 planned trials" in (folder / "partial" / "report.html").read_text()
    assert not (folder / "jsb" / "trials.csv").exists()
