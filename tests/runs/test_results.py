import numpy as np
import pytest

from odyssey.analysis.findings import read_trials
from odyssey.runs.results import (
    BLOCK,
    CURVES,
    TrialResult,
    read_block,
    write_block,
    write_trial,
)
from odyssey.runs.tables import collect
from odyssey.storage.tree_file import DamagedFile, save_tree
from odyssey.study.hyperparameter import COLUMNS
from odyssey.study.search import Choice
from tests.support.trial_results import trial_result

FIXED = {
    "trial": 0,
    "seed": 5,
    "hyperparameters": {"hidden": 30, "learning_rate": 1e-3, "momentum": 0.5, "noise": 0.25},
}

TRIAL_COLUMNS = [
    *("task", "variant", "trial", "hidden", "learning_rate", "momentum", "noise"),
    *("nesterov", "clip", "parameters", "status", "epochs", "best_epoch", "train", "valid", "test"),
    *("seconds", "seconds_per_epoch", "diverged_epoch", "seed", "host", "source"),
]


def result(task="jsb", trial=0, diverged=0, **drawn):
    settings = {"task": task, "variant": "V", **FIXED, "trial": trial}
    settings["hyperparameters"] = settings["hyperparameters"] | drawn
    return trial_result(settings, diverged_epoch=diverged)


def test_a_block_comes_back_as_it_was(tmp_path):
    results = [result(trial=k) for k in (0, 1, 10)]
    write_block(tmp_path / "b.h5", results)
    back = read_block(tmp_path / "b.h5")
    assert [r.settings for r in back] == [r.settings for r in results]
    assert all((r.curves["test"] == results[0].curves["test"]).all() for r in back)


@pytest.mark.parametrize(
    ("drawn", "column"),
    [
        ((True, False, True), [True, False, True]),
        ((True, 0.5, False), [1.0, 0.5, 0.0]),
        ((2.0, 0.5, 1.0), [2.0, 0.5, 1.0]),
    ],
)
def test_true_and_false_beside_limits_are_one_and_zero_in_the_tables(tmp_path, drawn, column):
    write_block(tmp_path / "a.h5", [result(trial=k, clip=clip) for k, clip in enumerate(drawn)])
    write_block(tmp_path / "b.h5", [result("timit")])  # which does not search it
    trials, _ = collect([tmp_path / "a.h5", tmp_path / "b.h5"])
    trials[trials.task == "jsb"].to_csv(tmp_path / "trials.csv", index=False)
    back = read_trials(tmp_path / "trials.csv")["clip"]
    assert back.tolist() == column
    law = Choice(tuple(dict.fromkeys(drawn)))
    assert [law.cdf(value) for value in back] == [law.cdf(value) for value in drawn]


def test_the_tables_are_tidy(tmp_path):
    write_block(tmp_path / "a.h5", [result(trial=0), result(trial=1, diverged=4)])
    write_block(tmp_path / "b.h5", [result("timit", nesterov=True, clip=False)])
    trials, curves = collect([tmp_path / "a.h5", tmp_path / "b.h5"])
    assert list(trials.columns) == TRIAL_COLUMNS
    assert trials["test"].tolist() == [8.2] * 3  # that of the best epoch, diverged or not
    assert trials["valid"].tolist() == [8.0] * 3
    assert trials["status"].tolist() == ["finished", "diverged", "finished"]
    assert trials["seconds"].tolist() == [7.0] * 3
    assert trials["diverged_epoch"].isna().tolist() == [True, False, True]
    assert trials["nesterov"].tolist()[2] is True
    assert list(curves.columns) == ["task", "variant", "trial", "epoch", *CURVES]
    assert len(curves) == 9


def test_no_hyperparameter_can_have_the_name_of_another_column():
    row = result().row()
    assert set(row) - set(FIXED["hyperparameters"]) == set(COLUMNS)


def test_a_trial_that_diverged_at_once_has_a_row():
    nothing = dict.fromkeys(("train", "valid", "test", "seconds"), np.empty(0))
    empty = TrialResult(**{**result(diverged=1).__dict__, "curves": nothing, "best_epoch": 0})
    row = empty.row()
    assert row["epochs"] == row["best_epoch"] == 0
    assert np.isnan(row["train"])
    assert (row["valid"], row["test"]) == (61.5, 61.25)


@pytest.mark.parametrize("untrained", [None, {"valid": np.inf, "test": np.inf}])
def test_a_trial_of_which_nothing_is_known_counts_as_the_worst(untrained):
    changes = {"curves": dict.fromkeys(CURVES, np.empty(0)), "best_epoch": 0}
    row = TrialResult(**result(diverged=1).__dict__ | changes | {"untrained": untrained}).row()
    assert row["test"] == row["valid"] == pytest.approx(60.997, abs=1e-3)


def test_blocks_of_the_first_format_are_read_and_said_to_lack_epoch_0(tmp_path, caplog):
    changes = {"curves": dict.fromkeys(CURVES, np.empty(0)), "best_epoch": 0}
    blind = TrialResult(**result(diverged=1).__dict__ | changes)
    trees = [r.to_tree() for r in (result(trial=1), result(trial=2, diverged=4), blind)]
    old = {str(k): {n: v for n, v in t.items() if n != "untrained"} for k, t in enumerate(trees)}
    save_tree(tmp_path / "b.h5", {"format": BLOCK, "format_version": 1, "trials": old})
    trials, _ = collect([tmp_path / "b.h5"])
    assert trials["test"].tolist() == [8.2, 8.2, pytest.approx(60.997, abs=1e-3)]
    assert "3 trials are in blocks of an older odyssey" in caplog.text
    assert "1 of them, without any finite epoch, count as the task's worst" in caplog.text


def test_other_kinds_and_newer_formats_are_told_apart(tmp_path):
    write_trial(tmp_path / "t.h5", result(), {})
    with pytest.raises(DamagedFile, match="must be an odyssey block file"):
        read_block(tmp_path / "t.h5")
    save_tree(tmp_path / "n.h5", {"format": "odyssey block", "format_version": 99})
    with pytest.raises(DamagedFile, match="format version 99"):
        read_block(tmp_path / "n.h5")
