"""Studies over update rules and dropout, as docs/extending.md has them: kills, tables, fANOVA."""

import dataclasses
import math
import random
from io import StringIO

import pytest
from rich.console import Console

from benchmarks.tiny import tiny_dataset
from odyssey.analysis.fanova.of_study import write_fanova
from odyssey.analysis.findings import read_record
from odyssey.analysis.records import Decomposition, TaskAnova
from odyssey.engines.fused import model as fused
from odyssey.networks.spec import RULES
from odyssey.storage.tree_file import load_tree
from odyssey.study.settings import Protocol
from odyssey.views.progress import file_view
from tests.runs.test_storm import run_in_a_child
from tests.runs.test_trial import assert_equal, without_wall_clock
from tests.support.docs_study import study_of_the_docs, trained

KILLS = 4
SMALL = {"trials": 16, "kernels": "fused", "epochs": 1, "most_hidden": 5}


def test_the_rules_of_the_docs_are_trained_with_and_decomposed(config, tmp_path):
    study = study_of_the_docs("rules.yaml", config, tmp_path, **SMALL)
    trials = trained(study, tmp_path)
    assert set(trials.optimizer) == set(RULES) - {"momentum"}
    for row in trials.to_dict("records"):
        drawn = study.trial("jsb", row["variant"], row["trial"]).hyperparameters
        assert {name: row[name] for name in drawn} == drawn
        lacking = {"momentum", "beta2", "epsilon"} - drawn.keys()
        assert all(math.isnan(row[name]) for name in lacking)
    write_fanova(study, "jsb", tmp_path / "trials.csv", tmp_path / "fanova.json")
    found = read_record(TaskAnova, tmp_path / "fanova.json")
    assert found.searches["V"].some == ("momentum", "beta2", "epsilon")
    assert found.factors["optimizer"].at == ("nesterov", "sgd", "adam", "rmsprop")
    for anova in (found.of("V"), found.of("NP"), found.joint):
        assert isinstance(anova, Decomposition)
        assert set(anova.mains) - {"variant"} == {"hidden", "learning_rate", "noise", "optimizer"}
        assert len(anova.curves["optimizer"].mean) == 4


def test_dropout_of_the_docs_is_trained_with_and_decomposed(config, tmp_path):
    only = config | {"variants": ["V"]}
    study = study_of_the_docs("dropout.yaml", only, tmp_path, **SMALL)
    assert trained(study, tmp_path).output_dropout.between(0, 0.6).all()
    write_fanova(study, "jsb", tmp_path / "trials.csv", tmp_path / "fanova.json")
    found = read_record(TaskAnova, tmp_path / "fanova.json").of("V")
    assert isinstance(found, Decomposition)
    assert "output_dropout" in found.mains


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_killed_trial_goes_on_to_the_same_bits(tiny_study, tmp_path, monkeypatch, optimizer):
    monkeypatch.setattr(fused, "RUN", 2)
    drawn = tiny_study.trial("jsb", "V", 1)
    chosen = {"optimizer": optimizer, "output_dropout": 0.3}
    own = {n: v for n, v in drawn.hyperparameters.items() if n != "momentum"} | chosen
    spec = dataclasses.replace(drawn, hyperparameters=own, protocol=Protocol(12, 12, 0.1))
    data, generator = tiny_dataset("jsb", sequences=8), random.Random(optimizer)
    whole, killed, kills = tmp_path / "whole.h5", tmp_path / "killed.h5", 0
    assert not run_in_a_child(spec, data, whole, generator, kill=False)
    while run_in_a_child(spec, data, killed, generator, kill=kills < KILLS):
        kills += 1
    assert kills > 0
    said = StringIO()
    Console(file=said, width=200).print(file_view(killed))
    assert optimizer in said.getvalue()
    expected = without_wall_clock(load_tree(whole))
    assert_equal(without_wall_clock(load_tree(killed)), expected)
    arrays = {"adam": {"first", "second"}, "rmsprop": {"second"}}[optimizer]
    state = expected["state"]
    assert {"velocity", "first", "second"} & state.keys() == arrays
    assert all(abs(array).max() > 0 for name in arrays for array in state[name].values())
    assert state.get("updates") == (12 * 8 if optimizer == "adam" else None)
