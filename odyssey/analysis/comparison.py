"""Comparison of the variants of one task: Welch's tests as in the paper, and what they leave out.

Source: Greff et al., section V-A: test figures of all trials and of the best 10 percent by
validation, each against vanilla by Welch's t-test at 0.05, Bonferroni-adjusted. Beside it: Holm's
adjustment, bootstrap intervals that repeat the choice of the best, effect sizes, and the expected
result of the best of k trials. Diverged trials count by their best epoch, like any other; trials
without a test figure are left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from odyssey.analysis.welch import interval, welch_tests
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
    tests = welch_tests(selected, means, alpha)
    return {code: _selection(rows, means[code], tests.get(code)) for code, rows in selected.items()}


def write_comparison(study: Study, task: str, trials: Path, out: Path) -> None:
    """Write the comparison of a task's variants as JSON."""
    table, asked = read_trials(trials), study.analysis
    result = compare_task(table, study.variants, asked.top, asked.alpha, seed=study.seed)
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
    low, high = interval(means)
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
