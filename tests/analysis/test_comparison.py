"""Tests and intervals against SciPy, brute force and made-up truths; and what cannot be tested."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from odyssey.analysis.comparison import best_of_k, compare_task, write_comparison
from odyssey.analysis.findings import best
from odyssey.storage.plain import to_json
from odyssey.study.study import Study
from tests.support.analysis_fixtures import HARM, made_up_trials

VARIANTS = ["V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR"]


@pytest.fixture
def trials(config):
    return made_up_trials(Study(config), "timit", 60)


def table(**figures):
    """One search a variant; validation equals test."""
    rows = [
        {"variant": code, "trial": k, "test": x, "valid": x, "status": "finished"}
        | {"parameters": 10, "seconds": 1.0}
        for code, values in figures.items()
        for k, x in enumerate(values)
    ]
    return pd.DataFrame(
        rows, columns=["variant", "trial", "test", "valid", "status", "parameters", "seconds"]
    )


def test_welch_is_scipys_on_the_best_tenth(trials):
    found = compare_task(trials, VARIANTS).variants["NIG"].top.test
    nig, v = (
        trials[trials.variant == code].sort_values("valid").head(6).test for code in ("NIG", "V")
    )
    expected = stats.ttest_ind(nig, v, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.t == pytest.approx(expected.statistic, rel=1e-12)
    assert found.difference == pytest.approx(nig.mean() - v.mean(), rel=1e-12)


def test_harm_is_found_and_nothing_else(trials):
    variants = compare_task(trials, VARIANTS).variants
    for code in VARIANTS[1:]:
        test = variants[code].top.test
        if HARM.get(code, 0) > 1:
            assert test.significant
            assert abs(test.difference - HARM[code]) < test.high - test.low
        elif code not in HARM:
            assert not test.significant
            assert test.low < 0 < test.high


def test_adjustments_are_scipys(trials):
    tests = [
        own.all.test for code, own in compare_task(trials, VARIANTS).variants.items() if code != "V"
    ]
    p = np.array([test.p for test in tests])
    np.testing.assert_allclose([t.p_bonferroni for t in tests], np.minimum(1, 8 * p))
    # Holm is the closed test over Bonferroni: the largest adjusted p of all sets that hold it.
    closed = [
        max(
            min(1, (len(others) + 1) * min(p[[*others, i]]))
            for size in range(8)
            for others in combinations([j for j in range(8) if j != i], size)
        )
        for i in range(8)
    ]
    np.testing.assert_allclose([t.p_holm for t in tests], closed)


def test_effect_sizes_of_a_worked_example():
    found = compare_task(table(V=[1.0, 2, 3], NP=[2.0, 3, 4]), ["V", "NP"], top=1)
    test = found.variants["NP"].top.test
    assert test.g == pytest.approx(1 * (1 - 3 / 15))
    assert test.superiority == pytest.approx((1 + 0.5 * 2) / 9)  # 2 < 3; 2 = 2 and 3 = 3


def test_the_best_are_chosen_by_validation_alone():
    rows = table(V=np.arange(20.0)).assign(valid=-np.arange(20.0))
    assert list(best(rows, 0.1).trial) == [19, 18]


def test_best_of_k_is_the_average_over_all_choices():
    random = np.random.default_rng(0)
    rows = table(V=random.normal(size=6)).assign(valid=random.normal(size=6))
    found = best_of_k(rows)
    for k in range(1, 7):
        chosen = [rows.loc[rows.valid[list(s)].idxmin(), "test"] for s in combinations(range(6), k)]
        assert found.mean[k - 1] == pytest.approx(np.mean(chosen))
        assert found.low[k - 1] == pytest.approx(np.quantile(chosen, 0.1, method="inverted_cdf"))
        assert found.high[k - 1] == pytest.approx(np.quantile(chosen, 0.9, method="inverted_cdf"))


def test_bootstrap_intervals_repeat_the_choice_of_the_best():
    """Against a plain loop that draws trials, takes the best tenth and its mean."""
    random = np.random.default_rng(1)
    rows = table(V=random.normal(size=50))
    found = compare_task(rows, ["V"], resamples=4000).variants["V"].top
    means = [
        rows.iloc[random.integers(50, size=50)].nsmallest(5, "valid").test.mean()
        for _ in range(2000)
    ]
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.08)


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"V": [1.0, 2, 3], "NP": [1.0]}, "it has 1"),
        ({"V": [1.0, 2, 3], "NP": []}, "it has 0"),
        ({"V": [1.0], "NP": [1.0, 2]}, "vanilla has 1"),
        ({"V": [2.0] * 4, "NP": [2.0] * 4}, "one and the same figure"),
        ({"NP": [2.0, 3.0]}, "V is not in the study"),
    ],
)
def test_a_test_that_cannot_be_made_says_why(figures, reason):
    found = compare_task(table(**figures), list(figures), top=1)
    assert reason in found.variants["NP"].all.against.skipped


def test_an_empty_table_gives_a_whole_result():
    found = compare_task(table(), ["V", "NP"])
    assert found.variants["V"].trials == 0
    json.dumps(to_json(found), allow_nan=False)


def test_a_nearly_constant_search_is_tested_without_warnings():
    found = compare_task(table(V=[1.0, 1 + 1e-15, 1], NP=[2.0, 2, 2]), ["V", "NP"], top=1)
    assert found.variants["NP"].all.test.significant


def test_the_file_is_plain_json(config, trials, tmp_path):
    trials.to_csv(tmp_path / "trials.csv", index=False)
    write_comparison(Study(config), "timit", tmp_path / "trials.csv", tmp_path / "timit.json")
    assert list(json.loads((tmp_path / "timit.json").read_text())["variants"]) == VARIANTS
