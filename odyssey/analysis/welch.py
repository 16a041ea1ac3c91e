"""Welch's tests of variants against vanilla, adjusted for their number, with effect sizes."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from odyssey.analysis.findings import REFERENCE
from odyssey.analysis.records import Skipped, WelchTest

Array = NDArray[np.float64]


def welch_tests(
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
    adjusted = holm(made, len(tests))
    return {
        code: _adjusted(test, len(tests), adjusted[code], means[code] - means[REFERENCE], alpha)
        if isinstance(test, _Welch)
        else test
        for code, test in tests.items()
    }


class _Welch(NamedTuple):
    """The first fields of a ``WelchTest``: those that do not depend on the other variants."""

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
    return WelchTest(*test, p, holm, *interval(differences), significant=p < alpha)


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


def holm(p: Mapping[str, float], comparisons: int) -> dict[str, float]:
    """Return Holm's adjustment of p-values, for so many comparisons, of which these were made."""
    adjusted, running = {}, 0.0
    for rank, (code, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, value * (comparisons - rank)))
        adjusted[code] = running
    return adjusted


def interval(draws: Array) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percent quantiles of draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
