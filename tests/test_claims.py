"""Verdicts that follow the trials: every check with findings that hold, fail, and cannot tell."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import yaml

from odyssey.analysis import hyperparameter_checks as checks
from odyssey.analysis import variant_checks
from odyssey.analysis.claims import CLAIMS, judge
from odyssey.analysis.findings import Findings
from odyssey.study import load_study

from .analysis_fixtures import found, made_up_trials
from .conftest import ROOT, SCHEMA


def study_of(**changes):
    return load_study(yaml.safe_load((ROOT / "config.yaml").read_text()) | changes, SCHEMA)


def verdict(findings, words):
    (row,) = [row for row in judge(findings) if words in row.claim]
    return row


# Whole studies.


@pytest.fixture(scope="module")
def trials():
    return made_up_trials(study_of(tasks=["jsb"]), "jsb", 200)


def test_verdicts_follow_the_trials(trials):
    study = study_of(tasks=["jsb"], trials=200)
    findings = found(study, {"jsb": trials})
    assert verdict(findings, "forget gate or output").verdict == "agrees so far"
    assert verdict(findings, "more than two thirds").verdict == "agrees so far"
    assert verdict(findings, "and not on music").verdict == "differs"  # NIG is harmed, see HARM
    assert verdict(findings, "worse on music").verdict == "differs"
    assert verdict(findings, "Clipping").verdict == "not studied"
    assert verdict(findings, "… and slower").verdict == "agrees so far"
    better = trials.assign(test=trials.test - 8.0 * (trials.variant == "NP"))
    better["valid"] = better.test
    found_better = found(study, {"jsb": better})
    assert verdict(found_better, "significantly better than vanilla").verdict == "differs"


def test_few_trials_prove_no_equality(trials):
    few = trials[trials.trial < 30]
    row = verdict(found(study_of(tasks=["jsb"]), {"jsb": few}), "Coupled gates and")
    assert row.verdict == "cannot say"
    assert "only 3 trials" in row.evidence[0][2]


def test_the_best_figure_is_judged_on_the_papers_data_only(trials):
    low = trials[trials.trial < 12].assign(test=lambda rows: np.minimum(rows.test, 8.4))
    ours = found(study_of(tasks=["jsb"]), {"jsb": low})
    assert verdict(ours, "within 5 %").verdict == "cannot say"
    same = dataclasses.replace(ours, data={"jsb": {"comparable": True}})
    assert verdict(same, "within 5 %").verdict == "agrees so far"


def test_without_any_task_nothing_can_be_said(trials):
    empty = found(study_of(tasks=["jsb"]), {"jsb": trials[:0]})
    assert {row.verdict for row in judge(empty)} == {"cannot say", "not studied"}


def test_a_study_without_tasks_of_a_claim_says_so():
    nothing = Findings(pd.DataFrame(), {}, {})
    assert [row.verdict for row in judge(nothing)] == ["not studied"] * len(CLAIMS)


# Single checks, on findings made by hand.


def with_tests(done=200, **tests):
    """Findings of JSB whose variants have these (difference, significant, trials)."""
    variants = {
        code: {
            "top": {"against": dict(zip(("difference", "significant", "trials"), t, strict=True))}
        }
        for code, t in tests.items()
    }
    for row in variants.values():
        row["top"]["against"] |= {"p": 0.5, "p_bonferroni": 0.5}
        row["trials"] = done
    return Findings(pd.DataFrame(), {}, {"jsb": {"variants": variants | {"V": {"trials": 200}}}})


@pytest.mark.parametrize(
    ("expected", "test", "holds"),
    [
        ("worse", (1.0, True, 20), True),
        ("worse", (-1.0, True, 20), False),
        ("worse", (1.0, False, 20), False),
        ("worse", (1.0, False, 3), None),
        ("worse", (1.0, True, 3), True),
        ("not worse", (1.0, True, 20), False),
        ("not worse", (1.0, False, 20), True),
        ("not worse", (-1.0, True, 20), True),
        ("not better", (-1.0, True, 20), False),
        ("not better", (1.0, True, 20), True),
        ("unchanged", (1.0, True, 20), False),
        ("unchanged", (1.0, False, 20), True),
        ("slightly better", (-0.1, False, 20), True),
        ("slightly better", (0.1, False, 20), False),
        ("slightly better", (-0.1, True, 20), False),
        ("slightly better", (-0.1, False, 3), None),
    ],
)
def test_differences_are_compared_with_what_is_expected(expected, test, holds):
    check = variant_checks.differences(("NP",), expected)
    assert check(with_tests(NP=test), "jsb")[0] is holds


@pytest.mark.parametrize(("done", "holds"), [(200, True), (190, True), (150, None), (300, None)])
def test_a_search_that_is_half_done_proves_nothing(done, holds):
    check = variant_checks.differences(("NP",), "worse")
    findings = with_tests(done, NP=(1.0, True, 20))
    assert check(findings, "jsb")[0] is holds
    assert (f"NP has {done} trials, vanilla 200" in check(findings, "jsb")[1]) == (holds is None)


def test_one_variant_that_differs_decides_and_one_that_is_unknown_leaves_open():
    check = variant_checks.differences(("NP", "CIFG"), "unchanged")
    unknown, same, other = (0.0, False, 3), (0.0, False, 20), (1.0, True, 20)
    assert check(with_tests(NP=unknown, CIFG=other), "jsb")[0] is False
    assert check(with_tests(NP=unknown, CIFG=same), "jsb")[0] is None
    assert check(with_tests(NP=same), "jsb")[0] is True
    assert "not in this study" in check(with_tests(FGR=same), "jsb")[1]


@pytest.mark.parametrize(
    ("ours", "trials", "holds"),
    [
        *((8.5, 20, True), (8.7, 20, False), (8.5, 9, True)),
        *((8.7, 9, None), (8.5, 99, None), (8.7, 99, False), (None, 0, None)),
    ],
)
def test_best_trials_are_compared_unless_the_loser_has_fewer(ours, trials, holds):
    rows = {"CIFG": {"best": ours and {"test": ours}, "trials": trials}}
    rows["V"] = {"best": {"test": 8.6}, "trials": 20}
    findings = Findings(pd.DataFrame(), {}, {"jsb": {"variants": rows}})
    assert variant_checks.best_beats_vanillas("CIFG")(findings, "jsb")[0] is holds


def decomposition(effects=(), curves=(), maps=()):
    """One search: effects as {factors: (estimate, fraction, low, high)}, the last two as one likes.

    Curves are {name: (at, mean, std)}.
    """
    rows = [
        {"kind": ("main", "pair")[len(factors) - 1], "factors": list(factors)}
        | dict(zip(("estimate", "fraction", "low", "high"), share, strict=False))
        for factors, share in dict(effects).items()
    ]
    curves = {name: {"mean": m, "std": s} for name, (_, m, s) in dict(curves).items()}
    return {"effects": rows, "curves": curves, "maps": list(maps)}


def with_fanova(curves=(), **tasks):
    factors = {name: {"at": at} for name, (at, *_) in dict(curves).items()}
    searches = {
        task: {"searches": {"V": {"error": it, "time": it}}, "factors": factors}
        for task, it in tasks.items()
    }
    return Findings(pd.DataFrame(), searches, {task: {} for task in tasks})


@pytest.mark.parametrize(
    ("share", "holds"),
    [
        *(((0.8, 0.7), True), ((0.5, 0.4), False), ((0.8, 0.6), None)),
        *(
            ((0.5, 0.4, 0.3, 0.6), False),
            ((0.5, 0.4, 0.3, 0.7), None),
            ((0.8, 0.7, 0.5, 0.9), True),
        ),
    ],
)
def test_shares_hold_where_both_readings_do(share, holds):
    findings = with_fanova(jsb=decomposition({("learning_rate",): share}))
    check = checks.share_between(2 / 3, 1, "learning_rate")
    assert check(findings, "jsb")[0] is holds
    assert checks.share_between(0, 1, "clip")(findings, "jsb") == (
        None,
        "not sampled in this study",
    )


@pytest.mark.parametrize(
    ("hidden", "holds"),
    [
        *(((0.2, 0.2), True), ((0.01, 0.01), False), ((0.2, 0.01), None)),
        *(((0.01, 0.01, 0.0, 0.02), False), ((0.01, 0.01, 0.0, 0.1), None)),
    ],
)
def test_the_order_of_shares(hidden, holds):
    effects = {("learning_rate",): (0.7, 0.6), ("hidden",): hidden, ("noise",): (0.05, 0.05)}
    assert checks.learning_rate_first(with_fanova(jsb=decomposition(effects)), "jsb")[0] is holds


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        *(((0.01, 0.02), True), ((0.1, 0.1), False), ((0.1, 0.02), None)),
        *(((0.1, 0.1, 0.05, 0.2), False), ((0.1, 0.1, 0.01, 0.2), None)),
    ],
)
def test_pairs_beside_those_named_must_be_small(other, holds):
    effects = {("learning_rate", "noise"): (0.2, 0.2), ("hidden", "noise"): other}
    findings = with_fanova(jsb=decomposition(effects))
    found_here = checks.others_independent(("noise", "learning_rate"))(findings, "jsb")
    assert found_here[0] is holds
    assert "hidden size × input noise" in found_here[1]


def test_interactions_are_compared_between_tasks():
    much, little = (decomposition({("hidden",): (x, x)}) for x in (0.5, 0.9))
    assert checks.most_interactions(with_fanova(timit=much, jsb=little), "timit")[0] is True
    assert checks.most_interactions(with_fanova(timit=little, jsb=much), "timit")[0] is False
    assert checks.most_interactions(with_fanova(timit=much), "timit")[0] is None


def curve_of(mean, std=0.1, at=None):
    n = len(mean)
    at = np.linspace(0, 1, n) if at is None else at
    return list(at), list(map(float, mean)), [std] * n


@pytest.mark.parametrize(("std", "holds"), [(0.1, True), (5.0, None)])
def test_a_curve_moves_if_it_moves_more_than_its_trees_differ(std, holds):
    curves = {"noise": curve_of(np.linspace(8, 10, 20), std)}
    findings = with_fanova(curves, jsb=decomposition(curves=curves))
    assert checks.trend("noise", "error")(findings, "jsb")[0] is holds
    assert checks.trend("-noise", "error")(findings, "jsb")[0] is (False if holds else None)
    assert checks.trend("hidden", "time")(findings, "jsb")[0] is None


@pytest.mark.parametrize(("depth", "holds"), [(1.0, True), (-1.0, False), (0.0, None)])
def test_a_dip_between_02_and_05(depth, holds):
    at = np.linspace(0, 1, 41)
    curves = {"noise": curve_of(30 - depth * ((at >= 0.2) & (at <= 0.5)))}
    findings = with_fanova(curves, timit=decomposition(curves=curves))
    assert checks.noise_dip(findings, "timit")[0] is holds


def test_the_cliff_does_not_widen_the_basin():
    at = np.logspace(-6, -2, 81)
    for flat, holds in ((1e-4, True), (1e-3, False)):
        mean = np.where(at < flat, 11, 8.5) + np.where(at > 5e-3, 50, 0)
        curves = {"learning_rate": curve_of(mean, at=at)}
        findings = with_fanova(curves, jsb=decomposition(curves=curves))
        assert checks.basin(findings, "jsb")[0] is holds


@pytest.mark.parametrize(
    ("sign", "share", "holds"), [(1, 0.1, True), (-1, 0.1, False), (1, 0.001, None)]
)
def test_the_sign_of_rate_and_noise(sign, share, holds):
    half = np.array([-1.0, -1, 1, 1])
    one = {
        "factors": ["learning_rate", "noise"],
        "interaction": (sign * np.outer(half, half)).tolist(),
    }
    effects = {("learning_rate", "noise"): (share, share)}
    findings = with_fanova(jsb=decomposition(effects, maps=[one]))
    assert checks.less_noise_at_high_rates(findings, "jsb")[0] is holds
