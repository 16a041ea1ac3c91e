"""The first lines of the report say what was found, and what could not be."""

import dataclasses

import pytest
import yaml

from odyssey.analysis.findings import DataFacts
from odyssey.analysis.records import Skipped, WelchTest, WithPaper
from odyssey.analysis.report.short import in_short
from odyssey.analysis.words import source_of
from odyssey.study.study import load_study
from tests.conftest import ROOT, SCHEMA
from tests.support.analysis_fixtures import found, made_up_trials

TRIALS = 12


@pytest.fixture(scope="module")
def findings():
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    study = load_study(config | {"tasks": ["jsb"], "variants": ["V", "NP", "NFG"]}, SCHEMA)
    facts = DataFacts("chorales", False, {"uniform": 61.0, "Bernoulli": 11.3}, (), 0, {}, {})
    made = found(study, {"jsb": made_up_trials(study, "jsb", TRIALS)})
    return dataclasses.replace(made, data={"jsb": facts})


def said(findings, **tests):
    """What is said with these tests of the best trials, or reasons for none."""
    own = findings.comparison["jsb"]
    rows = dict(own.variants)
    for code, test in tests.items():
        top = dataclasses.replace(rows[code].top, against=test)
        rows[code] = dataclasses.replace(rows[code], top=top)
    changed = {"jsb": dataclasses.replace(own, variants=rows)}
    (short,) = in_short(dataclasses.replace(findings, comparison=changed))
    return short


def welch(difference, significant, trials=20):
    numbers = dict.fromkeys(
        ("t", "p", "g", "superiority", "p_bonferroni", "p_holm", "low", "high"), 0.1
    )
    return WelchTest(trials=trials, difference=difference, significant=significant, **numbers)


def test_variants_are_named_by_what_is_significant(findings):
    words = said(findings, NP=welch(-1, True), NFG=welch(2, True)).variants
    assert words.startswith("NFG significantly worse than vanilla; NP significantly better than")
    assert "unseen" not in words
    words = said(findings, NP=welch(-1, False), NFG=welch(2, False, trials=3)).variants
    assert "none significantly worse than vanilla; none significantly better" in words
    assert words.endswith("With 3 trials a side small differences stay unseen")


def test_why_nothing_can_be_compared_is_said(findings):
    words = said(findings, NP=Skipped("one trial only"), NFG=Skipped("one trial only")).variants
    assert words == "no variant can be compared with V: one trial only"


def test_the_best_trial_stands_beside_the_best_trivial_model(findings):
    trials = findings.trials
    row = trials.loc[trials.valid.idxmin()]
    best = said(findings).best
    assert best.startswith(
        f"{row.test:.4g} by {row.variant}, negative log-likelihood (nats per frame)"
    )
    assert best.endswith("without a network 11.3 (Bernoulli)")


def test_the_papers_best_stands_beside_where_its_figures_do(findings):
    beside = WithPaper(comparable=True, beside=True, distances=(), reason="")
    (short,) = in_short(dataclasses.replace(findings, paper={"jsb": beside}))
    assert short.best.endswith("; in the paper 8.38 by NIAF")


def test_data_have_their_words_or_else_the_name_of_their_source(findings):
    assert said(findings).data == "chorales"
    assert said(findings).other
    (short,) = in_short(dataclasses.replace(findings, data={}))
    assert {source_of("jsb", name) for name in findings.trials.source} == {short.data}
    assert source_of("jsb", "mat") == "the piano rolls of Boulanger-Lewandowski et al."
    assert source_of("jsb", "mine") == source_of("my task", "mine") == "mine"
    assert not short.other


def test_the_hyperparameters_that_explain_most_come_first_with_their_intervals(findings):
    mains = findings.fanova["jsb"].searches["V"].error.mains
    largest = max(mains.values(), key=lambda effect: effect.estimate)
    words = said(findings).factors
    assert words.startswith(largest.factors[0].replace("_", " "))
    assert f"{100 * largest.estimate:.0f}\N{NO-BREAK SPACE}%" in words
    assert words.endswith("of the variance of V's error")


def test_without_a_decomposition_its_reason_is_said(findings):
    own = findings.fanova["jsb"]
    search = dataclasses.replace(own.searches["V"], error=Skipped("too few trials"))
    anova = {"jsb": dataclasses.replace(own, searches={"V": search})}
    (short,) = in_short(dataclasses.replace(findings, fanova=anova))
    assert short.factors == "too few trials"
    (short,) = in_short(
        dataclasses.replace(findings, fanova={"jsb": dataclasses.replace(own, searches={})})
    )
    assert short.factors == "no fANOVA yet"
