"""Comparison of the variants of one task: Welch's tests as in the paper, and what they leave open.

Source: Greff et al., section V-A: test figures of all trials and of the best 10 percent by
validation, each against vanilla by Welch's t-test at 0.05, Bonferroni-adjusted. Beside it: Holm's
adjustment, bootstrap intervals that repeat the choice of the best, effect sizes, and the expected
result of the best of k trials. Diverged trials count by their best epoch, like any other; trials
without a test figure are left out.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from odyssey.analysis.findings import REFERENCE, best, finite, read_trials, winner, write_record
from odyssey.analysis.records import (
    BestOfK,
    BestTrial,
    Comparison,
    Selection,
    Skipped,
    VariantSummary,
    WelchTest,
)
from odyssey.study.study import Study

Array = NDArray[np.float64]


def compare_task(
    trials: pd.DataFrame,
    variants: Sequence[str],
    top: float = 0.1,
    alpha: float = 0.05,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Return the summary of every variant and its comparison with vanilla.

    ``top`` is the share of a search that counts as its best, ``alpha`` the level of the tests.
    """
    random = np.random.default_rng(seed)
    whole = {code: trials[trials.variant == code] for code in variants}
    searches = {code: finite(rows) for code, rows in whole.items()}
    everything, best_ones = (
        _selections(searches, share, alpha, resamples, random) for share in (1.0, top)
    )
    summaries = {
        code: _summary(rows, everything[code], best_ones[code]) for code, rows in whole.items()
    }
    return Comparison(REFERENCE, top, alpha, summaries)


def _selections(
    searches: Mapping[str, pd.DataFrame],
    share: float,
    alpha: float,
    resamples: int,
    random: np.random.Generator,
) -> dict[str, Selection]:
    """Return the best share of every search, compared with vanilla's."""
    selected = {code: best(rows, share) for code, rows in searches.items()}
    means = {c: _resampled(rows, share, resamples, random) for c, rows in searches.items()}
    tests = _tests(selected, means, alpha)
    return {code: _selection(rows, means[code], tests.get(code)) for code, rows in selected.items()}


def write_comparison(study: Study, task: str, trials: Path, out: Path) -> None:
    """Write the comparison of a task's variants as JSON."""
    table, asked = read_trials(trials), study.config["analysis"]
    result = compare_task(table, study.variants, asked["top"], asked["alpha"], seed=study.seed)
    write_record(out, result)


def best_of_k(rows: pd.DataFrame) -> BestOfK:
    """Return for k = 1 … n the test figure of the trial with the best validation among k.

    k of the n trials are drawn without replacement; mean and 10 and 90 percent quantiles are exact:
    the trial of rank r is the best of k with probability C(n − r, k − 1) / C(n, k).
    """
    test = rows.sort_values("valid", kind="stable").test.to_numpy(float)
    n, k = len(test), np.arange(1, len(test) + 1)
    chance = np.zeros((n, n))
    chance[:, :1] = k[:, None] / max(n, 1)
    for r in range(1, n):
        chance[:, r] = chance[:, r - 1] * np.maximum(n - r - k + 1, 0) / (n - r)
    order = np.argsort(test)
    reached = chance[:, order].cumsum(axis=1)
    low, high = (test[order][np.sum(reached < q - 1e-12, axis=1)] for q in (0.1, 0.9))
    return BestOfK(*(tuple(values.tolist()) for values in (chance @ test, low, high)))


def _summary(rows: pd.DataFrame, everything: Selection, best_ones: Selection) -> VariantSummary:
    known = finite(rows)
    first = winner(known)
    return VariantSummary(
        len(rows),
        int((rows.status == "diverged").sum()),
        BestTrial(first["trial"], first["valid"], first["test"]) if first else None,
        best_of_k(known),
        everything,
        best_ones,
    )


def _selection(rows: pd.DataFrame, means: Array, against: WelchTest | Skipped | None) -> Selection:
    if rows.empty:
        return Selection(trials=0, against=against)
    low, high = _interval(means)
    return Selection(
        trials=len(rows),
        mean=float(rows.test.mean()),
        std=float(rows.test.std()),  # NaN of one trial
        median=float(rows.test.median()),
        least=float(rows.test.min()),
        parameters=float(rows.parameters.mean()),
        seconds=float(rows.seconds.mean()),
        low=low,
        high=high,
        against=against,
    )


def _resampled(
    rows: pd.DataFrame, share: float, resamples: int, random: np.random.Generator
) -> Array:
    """Return the mean test figure of the best share of each resample of a search's trials."""
    n = len(rows)
    if n == 0:
        return np.empty(0)
    rows = rows.sort_values("valid", kind="stable")
    # Sorted by validation, the best of a resample are its smallest row numbers.
    drawn = np.sort(random.integers(n, size=(resamples, n)), axis=1)
    means: Array = rows.test.to_numpy(float)[drawn[:, : len(best(rows, share))]].mean(axis=1)
    return means


def _tests(
    selected: Mapping[str, pd.DataFrame], means: Mapping[str, Array], alpha: float
) -> dict[str, WelchTest | Skipped]:
    """Return the comparison of every variant with the reference, adjusted for their number."""
    if REFERENCE not in selected:
        return {code: Skipped(f"{REFERENCE} is not in the study") for code in selected}
    tests = {
        code: _welch(rows.test.to_numpy(float), selected[REFERENCE].test.to_numpy(float))
        for code, rows in selected.items()
        if code != REFERENCE
    }
    # PAPER: 8 comparisons; here as many as the study has, whether they can be made or not.
    made = {code: test.p for code, test in tests.items() if isinstance(test, _Welch)}
    holm = _holm(made, len(tests))
    return {
        code: _adjusted(test, len(tests), holm[code], means[code] - means[REFERENCE], alpha)
        if isinstance(test, _Welch)
        else test
        for code, test in tests.items()
    }


class _Welch(NamedTuple):
    """The first fields of a ``WelchTest``: those that know nothing of the other variants."""

    trials: int
    difference: float
    t: float
    p: float
    g: float
    superiority: float


def _adjusted(
    test: _Welch, comparisons: int, holm: float, differences: Array, alpha: float
) -> WelchTest:
    p = min(1.0, test.p * comparisons)
    return WelchTest(*test, p, holm, *_interval(differences), significant=p < alpha)


def _welch(figures: Array, reference: Array) -> _Welch | Skipped:
    """Return Welch's t-test with effect sizes; differences are variant − vanilla, so worse is > 0.

    ``g`` is Hedges' g; ``superiority`` the chance that a trial of the variant beats one of vanilla.
    """
    for name, sample in (("it", figures), ("vanilla", reference)):
        if len(sample) < 2:
            return Skipped(f"a test needs two trials of each, {name} has {len(sample)}")
    if np.ptp(figures) == 0 and np.ptp(reference) == 0:
        return Skipped("all trials of each variant have one and the same figure")
    m, n = len(figures), len(reference)
    (mean, std), (base, spread) = ((x.mean(), x.std(ddof=1)) for x in (figures, reference))
    test = stats.ttest_ind_from_stats(mean, std, m, base, spread, n, equal_var=False)
    pooled = ((m - 1) * std**2 + (n - 1) * spread**2) / (m + n - 2)
    wins = figures[:, None] < reference
    ties = figures[:, None] == reference
    return _Welch(
        trials=min(m, n),
        difference=float(mean - base),
        t=float(test.statistic),
        p=float(test.pvalue),
        g=float(mean - base) / math.sqrt(pooled) * (1 - 3 / (4 * (m + n) - 9)),
        superiority=float(wins.mean() + ties.mean() / 2),
    )


def _holm(p: Mapping[str, float], comparisons: int) -> dict[str, float]:
    adjusted, running = {}, 0.0
    for rank, (code, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, value * (comparisons - rank)))
        adjusted[code] = running
    return adjusted


def _interval(draws: Array) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
