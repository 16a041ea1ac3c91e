"""fANOVA of whole tables: known truths, and studies that are half done or odd."""

import json

import numpy as np
import pytest

from odyssey.analysis.claims.curves import on_or_off, trend
from odyssey.analysis.fanova.of_study import decompose_task, write_fanova
from odyssey.analysis.findings import Findings
from odyssey.analysis.records import Settings, TaskAnova
from odyssey.storage.plain import from_json, to_json
from odyssey.study.study import Study, load_study
from tests.conftest import SCHEMA
from tests.support.analysis_fixtures import made_up_trials

QUICK = Settings(trees=8, forest="accurate", bootstrap=0)


@pytest.fixture
def study(config):
    return load_study(config | {"variants": ["V", "NP"]}, SCHEMA)


def decomposed(study, trials, settings=QUICK):
    found = decompose_task(trials, study.search_space("jsb"), study.variants, settings)
    json.dumps(to_json(found), allow_nan=False)
    return found


def share(result, *factors):
    return next(e for e in result.effects if e.factors == factors and e.kind != "total")


def test_error_and_time_have_their_own_truth(study):
    found = decomposed(study, made_up_trials(study, "jsb", 100))
    error, time = (found.of("V", target) for target in ("error", "time"))
    assert share(error, "learning_rate").fraction > 0.8
    assert share(time, "hidden").fraction > 0.95
    assert [len(curve.mean) for curve in error.curves.values()] == [60] * 4
    assert len(error.maps) == 6
    assert found.of("NP").maps is None


def test_the_variant_is_a_factor_of_the_joint_decomposition(study):
    trials = made_up_trials(study, "jsb", 60)
    trials = trials[trials.status == "finished"]
    trials["test"] = 10.0 * (trials.variant == "NP") + trials.test / 100
    found = decomposed(study, trials).joint
    assert share(found, "variant").fraction > 0.95
    assert found.curves["variant"].mean[1] > found.curves["variant"].mean[0] + 9


def test_one_search_does_not_depend_on_the_others(study):
    trials = made_up_trials(study, "jsb", 30)
    whole = decomposed(study, trials)
    alone = decomposed(study, trials[trials.variant == "NP"])
    assert to_json(whole.searches["NP"]) == to_json(alone.searches["NP"])
    assert "at least 10 trials, got 0" in alone.of("V").skipped


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda rows: rows[:3], "at least 10 trials, got 3"),
        (lambda rows: rows[:0], "at least 10 trials, got 0"),
        (lambda rows: rows.assign(test=61.0, status="diverged"), "must vary, all 30 are 61"),
        (lambda rows: rows.assign(noise=2.0), "hyperparameter noise: 2.0 lies outside"),
    ],
    ids=["three trials", "no trials", "all diverged", "another search space"],
)
def test_what_cannot_be_said_has_a_reason(study, spoil, reason):
    trials = spoil(made_up_trials(study, "jsb", 30).query("variant == 'V'"))
    assert reason in decomposed(study, trials).of("V").skipped


def test_diverged_trials_have_no_training_time(study):
    trials = made_up_trials(study, "jsb", 60).query("variant == 'V'")
    trials.loc[trials.status == "diverged", "seconds"] = 1e9
    found = decomposed(study, trials).searches["V"]
    assert max(found.time.curves["learning_rate"].mean) < 1e4
    assert found.time.trials + found.diverged == found.error.trials == 60


def test_a_diverged_trial_counts_by_its_own_figure(study):
    trials = made_up_trials(study, "jsb", 60).query("variant == 'V'")
    best_epoch = trials.assign(test=trials.test.where(trials.status == "finished", 12.0))
    as_finished = best_epoch.assign(status="finished")
    found, expected, worst = (
        to_json(decomposed(study, rows).of("V")) for rows in (best_epoch, as_finished, trials)
    )
    assert found == expected != worst


def test_a_trial_without_a_figure_is_left_out(study):
    trials = made_up_trials(study, "jsb", 60).query("variant == 'V'")
    unknown = trials.assign(test=trials.test.where(trials.status == "finished"))
    found = decomposed(study, unknown).searches["V"]
    assert found.trials == 60
    assert found.error.trials == (trials.status == "finished").sum() < 60


def test_the_time_is_decomposed_as_its_logarithm(study):
    """Times that multiply: as logarithms they add, without an interaction."""
    trials = made_up_trials(study, "jsb", 200).query("variant == 'V'").assign(status="finished")
    size, rate = np.log(trials.hidden / 20), np.log(trials.learning_rate / 1e-6)
    found = decomposed(study, trials.assign(seconds=np.exp(2 * size + rate / 2)))
    time = found.of("V", "time")
    assert share(time, "hidden", "learning_rate").estimate < 0.02
    at = found.factors["hidden"].at
    curve, rest = time.curves["hidden"], np.exp(np.mean(rate) / 2)
    middle = len(at) // 2
    assert curve.mean[middle] == pytest.approx(rest * (at[middle] / 20) ** 2, rel=0.15)
    assert 0 < curve.std[middle] < curve.mean[middle]


def test_duplicated_draws_are_no_trouble(study):
    trials = made_up_trials(study, "jsb", 30)
    for name in ("hidden", "learning_rate", "momentum", "noise"):
        trials[name] = np.repeat(trials[name].to_numpy()[::3], 3)
    assert decomposed(study, trials).of("V").effects


def test_a_fixed_hyperparameter_is_no_factor(config):
    config["search_space"]["momentum"] = {"law": "fixed", "value": 0.9}
    study = load_study(config | {"variants": ["V"]}, SCHEMA)
    found = decomposed(study, made_up_trials(study, "jsb", 40))
    assert found.fixed == {"momentum": 0.9}
    named = {name for effect in found.of("V").effects for name in effect.factors}
    assert named == {"hidden", "learning_rate", "noise"} == set(found.factors) - {"variant"}


def test_what_a_variant_lacks_is_no_factor_of_it_nor_of_all_together(config):
    config["search_space"]["forget_bias"] = {"law": "uniform", "low": -2, "high": 2}
    study = load_study(config | {"variants": ["V", "NFG", "NP"]}, SCHEMA)
    trials = made_up_trials(study, "jsb", 60)
    harm = 9 * trials["forget_bias"].where(trials.variant != "NFG", 0)
    trials["test"] += harm
    trials.loc[trials.variant == "NFG", "forget_bias"] = np.nan  # as in trials.csv
    lacking = {code: study.lacking("jsb", code) for code in study.variants}
    space = study.search_space("jsb")
    found = decompose_task(trials, space, study.variants, QUICK, lacking=lacking)
    for code in ("V", "NP"):
        assert share(found.of(code), "forget_bias").fraction > 0.3
        assert found.searches[code].lacks is None
    assert found.searches["NFG"].lacks == ("forget_bias",)
    for anova in (found.joint, found.of("NFG"), found.of("NFG", "time")):
        named = {name for effect in anova.effects for name in effect.factors} - {"variant"}
        assert named == {"hidden", "learning_rate", "momentum", "noise"}
    alone = {name: law for name, law in space.items() if name != "forget_bias"}
    only = trials[trials.variant == "NFG"]
    expected = decompose_task(only, alone, ["NFG"], QUICK).of("NFG")
    assert to_json(found.of("NFG")) == to_json(expected)  # where NaN is null, equal to itself
    assert from_json(TaskAnova, to_json(found)).searches["NFG"].lacks == ("forget_bias",)


@pytest.mark.parametrize("levels", [(False, 0.5, True, 4.0), (0.5, 4.0)])
def test_limits_of_clipping_are_factors_and_no_evidence_of_the_papers_claim(config, levels):
    law = {"law": "choice", "levels": list(levels)}
    config["task_settings"]["timit"]["search_space"] = {"clip": law}
    study = load_study(config | {"variants": ["V"]}, SCHEMA)
    trials = made_up_trials(study, "timit", 80)
    trials["clip"] = trials["clip"].astype(float)
    trials["test"] = 5.0 * (trials["clip"] == 0.5) + np.random.default_rng(0).normal(size=80)
    found = decompose_task(trials, study.search_space("timit"), ["V"], QUICK)
    assert share(found.of("V"), "clip").fraction > 0.6
    assert found.factors["clip"].at == levels
    findings = Findings(trials, {"timit": found}, {})
    evidence = on_or_off("clip", trend("clip", "error"))(findings, "timit")
    assert evidence == (None, "clip is not just on or off here, as in the paper")


def test_where_everything_is_fixed_nothing_is_decomposed(config):
    for name in config["search_space"]:
        config["search_space"][name] = {"law": "fixed", "value": 0.5}
    config["search_space"]["hidden"] = {"law": "fixed", "value": 20}
    study = load_study(config | {"variants": ["V"]}, SCHEMA)
    found = decomposed(study, made_up_trials(study, "jsb", 40))
    assert "none that is not fixed" in found.of("V").skipped


def test_booleans_are_factors_of_timit(config):
    study = load_study(config | {"variants": ["V"]}, SCHEMA)
    trials = made_up_trials(study, "timit", 80)
    trials["test"] = 5.0 * trials["clip"].astype(bool) + np.random.default_rng(0).normal(size=80)
    found = decompose_task(trials, study.search_space("timit"), ["V"], QUICK)
    assert share(found.of("V"), "clip").fraction > 0.7


def test_the_file_holds_intervals_and_is_the_same_again(study, tmp_path):
    config = study.config | {"analysis": study.config["analysis"] | {"trees": 4, "bootstrap": 3}}
    made_up_trials(study, "jsb", 12).to_csv(tmp_path / "trials.csv", index=False)
    texts = []
    for workers in (1, 2):
        write_fanova(Study(config), "jsb", tmp_path / "trials.csv", tmp_path / "o.json", workers)
        texts.append((tmp_path / "o.json").read_text())
    assert texts[0] == texts[1]
    effect = json.loads(texts[0])["searches"]["V"]["error"]["effects"][0]
    assert 0 <= effect["low"] <= effect["high"] <= 1
