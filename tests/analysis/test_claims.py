"""Verdicts that follow the trials: every check with findings that hold, fail, and cannot tell."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import yaml

from odyssey import paper
from odyssey.analysis.claims import curves as curve_checks
from odyssey.analysis.claims import maps as map_checks
from odyssey.analysis.claims import rates as rate_checks
from odyssey.analysis.claims import shares as checks
from odyssey.analysis.claims import variants as variant_checks
from odyssey.analysis.claims.judge import judge
from odyssey.analysis.claims.of_paper import CLAIMS
from odyssey.analysis.findings import Findings
from odyssey.analysis.records import (
    BestOfK,
    BestTrial,
    Comparison,
    Decomposition,
    Effect,
    Factor,
    Marginal,
    PairMap,
    SearchAnova,
    Selection,
    Settings,
    Skipped,
    TaskAnova,
    VariantSummary,
    WelchTest,
    WithPaper,
)
from odyssey.study.study import load_study
from tests.conftest import ROOT, SCHEMA
from tests.support.analysis_fixtures import found, made_up_trials


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
    assert verdict(findings, "NFG and NOAF on music, …").verdict == "agrees"
    assert verdict(findings, "NIAF and NIG on music.").verdict == "agrees"  # NIG's harm is small
    assert verdict(findings, "look very similar").verdict == "agrees so far"
    assert verdict(findings, "tuned on a small network").verdict == "agrees so far"
    assert verdict(findings, "… and slower").verdict == "agrees so far"
    better = trials.assign(test=trials.test - 8.0 * (trials.variant == "NP"))
    better["valid"] = better.test
    found_better = found(study, {"jsb": better})
    assert verdict(found_better, "significantly better than vanilla").verdict == "differs"


def test_few_trials_prove_no_equality(trials):
    few = trials[trials.trial < 30]
    row = verdict(found(study_of(tasks=["jsb"]), {"jsb": few}), "Coupled gates and missing")
    assert row.verdict == "cannot say"
    assert "only 3 trials" in row.evidence[0][2]


def test_the_best_figure_is_judged_on_the_papers_data_only(trials):
    low = trials[trials.trial < 12].assign(test=lambda rows: np.minimum(rows.test, 8.4))
    ours = found(study_of(tasks=["jsb"]), {"jsb": low})
    assert verdict(ours, "within 5 %").verdict == "cannot say"
    same = dataclasses.replace(ours, paper={"jsb": COMPARABLE})
    assert verdict(same, "within 5 %").verdict == "agrees so far"


def test_without_any_task_nothing_can_be_said(trials):
    empty = found(study_of(tasks=["jsb"]), {"jsb": trials[:0]})
    assert {row.verdict for row in judge(empty)} == {"cannot say", "not studied"}


def test_a_study_without_tasks_of_a_claim_says_so():
    nothing = Findings(pd.DataFrame(), {}, {})
    assert [row.verdict for row in judge(nothing)] == ["not studied"] * len(CLAIMS)


# Single checks, on findings made by hand.


COMPARABLE = WithPaper(comparable=True, beside=False, distances=(), reason="")
NO_TRIAL = Selection(trials=0, against=None)


def welch(difference, significant, trials):
    """A test with this outcome; what no check reads is 0 or .5."""
    zeros = dict.fromkeys(("t", "g", "superiority", "low", "high"), 0.0)
    half = dict.fromkeys(("p", "p_bonferroni", "p_holm"), 0.5)
    return WelchTest(trials=trials, difference=difference, significant=significant, **zeros, **half)


def selection(test=None, least=None):
    return dataclasses.replace(NO_TRIAL, trials=20, least=least, against=test)


def summary(trials=200, best=None, everything=NO_TRIAL, top=NO_TRIAL):
    """A variant's row; ``best`` holds valid and test figure of its best trial."""
    best = BestTrial(0, *best) if best else None
    return VariantSummary(trials, 0, best, BestOfK((), (), ()), everything, top)


def compared(**variants):
    """Findings of JSB with these rows."""
    return Findings(pd.DataFrame(), {}, {"jsb": Comparison("V", 0.1, 0.05, variants)})


def with_tests(done=200, **tests):
    """Findings of JSB whose variants have these (difference, significant, trials)."""
    rows = {code: summary(done, top=selection(welch(*test))) for code, test in tests.items()}
    return compared(**rows, V=summary())


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


def test_all_trials_and_the_best_have_claims_of_their_own():
    everything = selection(welch(1.0, False, 200))
    row = summary(top=selection(welch(1.0, True, 20)), everything=everything)
    findings = compared(NIG=row, V=summary())
    check = variant_checks.differences
    assert check(("NIG",), "unchanged")(findings, "jsb")[0] is False
    assert check(("NIG",), "unchanged", "all")(findings, "jsb")[0] is True


def test_the_best_network_is_the_one_that_is_best_on_validation():
    findings = compared(
        NP=summary(best=(8.0, 9.0), everything=selection(least=8.2)),
        V=summary(best=(8.1, 8.3), everything=selection(least=8.3)),
    )
    findings = dataclasses.replace(findings, paper={"jsb": COMPARABLE})
    holds, words = variant_checks.reaches_paper(findings, "jsb")
    assert holds is False  # 9.0 is more than 5 % above 8.38
    assert words.startswith("9 by NP; paper 8.38 by NIAF; least of all trials 8.2 by NP")


def test_the_best_network_is_one_that_the_paper_has():
    findings = compared(
        GRU=summary(best=(7.0, 7.1), everything=selection(least=7.0)),
        V=summary(best=(8.1, 8.3), everything=selection(least=8.3)),
    )
    findings = dataclasses.replace(findings, paper={"jsb": COMPARABLE})
    holds, words = variant_checks.reaches_paper(findings, "jsb")
    assert holds is True
    assert words.startswith("8.3 by V; paper 8.38 by NIAF; least of all trials 8.3 by V")


@pytest.mark.parametrize(
    ("ours", "trials", "holds"),
    [
        *((8.5, 20, True), (8.7, 20, False), (8.5, 9, True)),
        *((8.7, 9, None), (8.5, 99, None), (8.7, 99, False), (None, 0, None)),
    ],
)
def test_best_trials_are_compared_unless_the_loser_has_fewer(ours, trials, holds):
    findings = compared(
        CIFG=summary(trials, top=selection(least=ours)), V=summary(20, top=selection(least=8.6))
    )
    assert variant_checks.best_beats_vanillas("CIFG")(findings, "jsb")[0] is holds


def decomposition(effects=(), curves=(), maps=()):
    """One search: effects as {factors: (estimate, fraction[, low, high])}.

    Curves are {name: (at, mean, std)}.
    """
    rows = tuple(
        Effect(
            *(("main", "pair")[len(factors) - 1], factors, fraction, 0.0, fraction, estimate),
            *interval,
        )
        for factors, (estimate, fraction, *interval) in dict(effects).items()
    )
    curves = {name: Marginal(tuple(m), tuple(s)) for name, (_, m, s) in dict(curves).items()}
    return Decomposition(200, 1.0, rows, curves, tuple(maps))


CELLS = {
    "learning_rate": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
    "noise": (0, 0.25, 0.5, 0.75, 1),
    "hidden": (20, 50, 100, 200),
}


def anova_of(factors=(), **searches):
    """The fANOVA of a task: factors' values at the points of their curves, searches' targets."""
    known = {name: Factor("linear", (), edges) for name, edges in CELLS.items()}
    known |= {name: Factor("linear", tuple(at), ()) for name, at in dict(factors).items()}
    lost = Skipped("nothing")
    rows = {
        code: SearchAnova(200, 0, error, lost, time) for code, (error, time) in searches.items()
    }
    return TaskAnova(Settings(), known, {}, rows, lost)


def with_fanova(curves=(), **tasks):
    factors = {name: at for name, (at, *_) in dict(curves).items()}
    fanova = {task: anova_of(factors, V=(own, own)) for task, own in tasks.items()}
    comparison = dict.fromkeys(tasks, Comparison("V", 0.1, 0.05, {}))
    return Findings(pd.DataFrame(), fanova, comparison)


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
    check = checks.in_order("learning_rate", "hidden", "noise")
    ours, words = check(with_fanova(jsb=decomposition(effects)), "jsb")
    assert ours is holds
    assert words.endswith("figure 5: 91.3, 0.8, 2.6 %")


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        *(((0.01, 0.02), True), ((0.1, 0.1), False), ((0.1, 0.02), None)),
        *(((0.1, 0.1, 0.05, 0.2), False), ((0.1, 0.1, 0.01, 0.2), None)),
    ],
)
def test_no_pair_may_be_above_the_highest(other, holds):
    effects = {("learning_rate", "hidden"): (0.04, 0.04), ("hidden", "noise"): other}
    check = checks.highest_pair("hidden", "learning_rate")
    found_here = check(with_fanova(jsb=decomposition(effects)), "jsb")
    assert found_here[0] is holds
    assert "hidden size × input noise" in found_here[1]
    alone = {("learning_rate", "hidden"): (0.04, 0.04)}
    assert check(with_fanova(jsb=decomposition(alone)), "jsb")[0] is None


@pytest.mark.parametrize(
    ("pair", "holds"), [((0.05, 0.07), True), ((0.2, 0.2), False), ((0.05, 0.2), None)]
)
def test_a_pair_is_much_smaller_below_a_tenth(pair, holds):
    effects = {("learning_rate",): (0.8, 0.8), ("learning_rate", "hidden"): pair}
    check = checks.much_smaller(("learning_rate", "hidden"), "learning_rate")
    assert check(with_fanova(jsb=decomposition(effects)), "jsb")[0] is holds


@pytest.mark.parametrize(
    ("main", "holds"), [((0.9, 0.85), True), ((0.5, 0.6), False), ((0.99, 0.9), None)]
)
def test_interactions_are_what_the_main_effects_leave(main, holds):
    findings = with_fanova(jsb=decomposition({("learning_rate",): main}))
    assert checks.interactions_between(0.05, 0.2)(findings, "jsb")[0] is holds
    assert checks.interactions_between(0, 1)(with_fanova(jsb=decomposition()), "jsb")[0] is None


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
    assert curve_checks.trend("noise", "error")(findings, "jsb")[0] is holds
    assert curve_checks.trend("-noise", "error")(findings, "jsb")[0] is (False if holds else None)
    assert curve_checks.trend("hidden", "time")(findings, "jsb")[0] is None


@pytest.mark.parametrize(("depth", "holds"), [(1.0, True), (-1.0, False), (0.0, None)])
def test_a_dip_between_02_and_05(depth, holds):
    at = np.linspace(0, 1, 41)
    curves = {"noise": curve_of(30 - depth * ((at >= 0.2) & (at <= 0.5)))}
    findings = with_fanova(curves, timit=decomposition(curves=curves))
    assert curve_checks.noise_dip(findings, "timit")[0] is holds


def test_the_cliff_does_not_widen_the_basin():
    at = np.logspace(-6, -2, 81)
    for flat, holds in ((1e-4, True), (1e-3, False)):
        mean = np.where(at < flat, 11, 8.5) + np.where(at > 5e-3, 50, 0)
        curves = {"learning_rate": curve_of(mean, at=at)}
        findings = with_fanova(curves, jsb=decomposition(curves=curves))
        assert rate_checks.basin(findings, "jsb")[0] is holds


@pytest.mark.parametrize(
    ("sign", "share", "holds"), [(1, 0.1, True), (-1, 0.1, False), (1, 0.001, None)]
)
def test_the_sign_of_rate_and_noise(sign, share, holds):
    half = np.array([-1.0, -1, 1, 1])
    grid = tuple(map(tuple, sign * np.outer(half, half)))
    one = PairMap(("learning_rate", "noise"), grid, grid)
    effects = {("learning_rate", "noise"): (share, share)}
    findings = with_fanova(jsb=decomposition(effects, maps=[one]))
    assert map_checks.less_noise_at_high_rates(findings, "jsb")[0] is holds


def with_curves(variants=(), time=None, maps=(), **curves):
    """Findings of JSB: vanilla's error over hyperparameters, its time, other variants' curves."""
    error = decomposition(curves=curves, maps=maps)
    searches = {"V": (error, decomposition(curves=time) if time else error)}
    for code, theirs in dict(variants).items():
        searches[code] = (decomposition(curves=theirs), Skipped("nothing"))
    anova = anova_of({name: at for name, (at, *_) in curves.items()}, **searches)
    return Findings(pd.DataFrame(), {"jsb": anova}, {"jsb": Comparison("V", 0.1, 0.05, {})})


RATES = np.logspace(-6, -2, 61)


@pytest.mark.parametrize(
    ("late", "early", "std", "holds"),
    [(10, 2, 0.1, True), (2, 10, 0.1, False), (10, 9.99, 0.1, None), (10, 2, 9.0, None)],
)
def test_the_sweet_spot_is_where_the_basin_is_fast(late, early, std, holds):
    error = curve_of(np.where(RATES < 1e-4, 11, 8.5), at=RATES)
    time = curve_of(np.where(RATES < 1e-3, late, early), std, at=RATES)
    findings = with_curves(learning_rate=error, time={"learning_rate": time})
    assert rate_checks.sweet_spot(findings, "jsb")[0] is holds


def test_a_fast_end_that_is_worse_is_no_sweet_spot():
    error = curve_of(np.select([RATES < 1e-4, RATES < 3e-3], [11, 8.5], 8.7), 0.01, at=RATES)
    time = curve_of(np.where(RATES < 1e-3, 10, 2), at=RATES)
    findings = with_curves(learning_rate=error, time={"learning_rate": time})
    assert rate_checks.sweet_spot(findings, "jsb")[0] is False


@pytest.mark.parametrize(("width", "holds"), [(1.2, True), (0.3, False)])
def test_powers_of_ten_find_a_basin_that_is_wide(width, holds):
    distance = np.abs(np.log10(RATES) + 3.5)  # in the middle between two powers
    error = curve_of(np.where(distance < width / 2, 8, 10), at=RATES)
    assert rate_checks.coarse_search(with_curves(learning_rate=error), "jsb")[0] is holds


@pytest.mark.parametrize(
    ("low", "high", "best", "std", "holds"),
    [
        *((-6, -2, -2, 0.01, True), (-6, -2, -3, 0.01, False), (-6, -2, -2, 5.0, None)),
        *((-4, 0, -1, 0.01, True), (-4, 0, -3, 0.01, False), (-1, 0, -1, 0.01, None)),
    ],
)
def test_the_optimum_lies_beyond_the_papers_range(low, high, best, std, holds):
    at = np.logspace(low, high, 61)
    error = curve_of(np.abs(np.log10(at) - best), std, at=at)
    assert rate_checks.optimum_beyond(with_curves(learning_rate=error), "jsb")[0] is holds


@pytest.mark.parametrize(
    ("shape", "std", "holds"),
    [
        (lambda size: -np.log(size), 0.01, True),
        (lambda size: -(size**2) / 1e4, 0.01, False),
        (lambda size: -np.log(size), 9.0, None),
    ],
)
def test_returns_diminish_where_a_block_brings_less(shape, std, holds):
    sizes = np.geomspace(20, 200, 40)
    findings = with_curves(hidden=curve_of(shape(sizes), std, at=sizes))
    assert curve_checks.diminishing(findings, "jsb")[0] is holds


@pytest.mark.parametrize(("shift", "holds"), [(0, True), (2, False)])
def test_the_best_rate_of_small_networks_must_be_good_for_large_ones(shift, holds):
    small = [3.0, 2.0, 1.0, 2.0]
    columns = [small, small, np.roll(small, -shift)]
    grid = tuple(map(tuple, columns))
    one = PairMap(("hidden", "learning_rate"), grid, grid)
    findings = with_curves(maps=[one])
    assert map_checks.rate_carries_over(findings, "jsb")[0] is holds
    assert map_checks.rate_carries_over(with_curves(), "jsb")[0] is None


@pytest.mark.parametrize(
    ("gap", "std", "significant", "holds"),
    [
        *((0.1, 0.05, False, True), (1.0, 0.05, False, False), (1.0, 3.0, False, None)),
        (1.0, 0.05, True, None),  # one that is worse says nothing
    ],
)
def test_curves_of_variants_that_are_not_worse_are_alike(gap, std, significant, holds):
    mean = np.where(RATES < 1e-4, 11, 8)
    own, theirs = ({"learning_rate": curve_of(mean + shift, std, at=RATES)} for shift in (0, gap))
    for code, expected in (("NP", holds), ("GRU", None)):  # of which the paper says nothing
        rows = {"V": summary(), code: summary(top=selection(welch(gap, significant, 20)))}
        findings = dataclasses.replace(
            with_curves({code: theirs}, **own), comparison=compared(**rows).comparison
        )
        assert curve_checks.similar_curves(findings, "jsb")[0] is expected


def test_times_are_said_in_units_that_fit():
    curves = {"hidden": curve_of(np.linspace(3600, 36000, 20), 500.0)}
    findings = with_fanova(curves, jsb=decomposition(curves=curves))
    words = curve_checks.trend("hidden", "time")(findings, "jsb")[1]
    assert words == "from 74.2 min to 9.76 h, spread of trees 8.33 min"


def test_every_claim_of_the_papers_numbers_is_true_of_the_paper():
    """The claims, judged by the paper's own figures 3 and 5."""
    for task in ("timit", "iamondb", "jsb"):
        shares = paper.shares(task)
        assert shares["learning_rate"] > 2 / 3
        assert 0.045 <= shares["higher_order"] <= 0.205
        assert shares["momentum"] < 0.01
        worse = {code for code, box in paper.boxes(task, "top").items() if box.significant}
        assert {"NFG", "NOAF"} <= worse
        assert ({"NIG", "NOG", "NIAF"} <= worse) == (task != "jsb")
    assert paper.boxes("jsb", "top")["CIFG"].low < paper.boxes("jsb", "top")["V"].low
    assert paper.boxes("iamondb", "top")["NP"].low < paper.boxes("iamondb", "top")["V"].low
    assert paper.shares("jsb")["noise"] > paper.shares("jsb")["hidden"]  # against its text
