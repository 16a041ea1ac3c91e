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
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from odyssey.analysis.findings import REFERENCE, best, finite, read_trials, winner, write_json
from odyssey.study.study import Study

Array = NDArray[np.float64]


def compare_task(
    trials: pd.DataFrame,
    variants: Sequence[str],
    top: float = 0.1,
    alpha: float = 0.05,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the summary of every variant and its comparison with vanilla, as plain JSON types.

    ``top`` is the share of a search that counts as its best, ``alpha`` the level of the tests.
    Under ``all`` and ``top`` stand the summary of these trials and, as ``against``, the test; one
    that cannot be made has ``skipped`` with the reason.
    """
    random = np.random.default_rng(seed)
    whole = {code: trials[trials.variant == code] for code in variants}
    summary: dict[str, dict[str, Any]] = {code: _counts(rows) for code, rows in whole.items()}
    searches = {code: finite(rows) for code, rows in whole.items()}
    for scope, share in (("all", 1.0), ("top", top)):
        chosen = {code: best(rows, share) for code, rows in searches.items()}
        means = {c: _resampled(rows, share, resamples, random) for c, rows in searches.items()}
        tests = _tests(chosen, means, alpha)
        for code, rows in chosen.items():
            summary[code][scope] = _summary(rows, means[code]) | {"against": tests.get(code)}
    return {"reference": REFERENCE, "share": top, "alpha": alpha, "variants": summary}


def write_comparison(study: Study, task: str, trials: Path, out: Path) -> None:
    """Write the comparison of a task's variants as JSON."""
    table, chosen = read_trials(trials), study.config["analysis"]
    result = compare_task(table, study.variants, chosen["top"], chosen["alpha"], seed=study.seed)
    write_json(out, result)


def best_of_k(rows: pd.DataFrame) -> dict[str, list[float]]:
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
    return {"mean": (chance @ test).tolist(), "low": low.tolist(), "high": high.tolist()}


def _counts(rows: pd.DataFrame) -> dict[str, Any]:
    known = finite(rows)
    first = winner(known)
    return {
        "trials": len(rows),
        "diverged": int((rows.status == "diverged").sum()),
        "best": {key: first[key] for key in ("trial", "valid", "test")} if first else None,
        "best_of_k": best_of_k(known),
    }


def _summary(rows: pd.DataFrame, means: Array) -> dict[str, Any]:
    if rows.empty:
        return {"trials": 0}
    return {
        "trials": len(rows),
        "mean": float(rows.test.mean()),
        "std": float(rows.test.std()) if len(rows) > 1 else None,
        "median": float(rows.test.median()),
        "least": float(rows.test.min()),
        "parameters": float(rows.parameters.mean()),
        "seconds": float(rows.seconds.mean()),
        **_interval(means),
    }


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
    chosen: Mapping[str, pd.DataFrame], means: Mapping[str, Array], alpha: float
) -> dict[str, dict[str, Any]]:
    """Return the comparison of every variant with the reference, adjusted for their number."""
    if REFERENCE not in chosen:
        return {code: {"skipped": f"{REFERENCE} is not in the study"} for code in chosen}
    tests = {
        code: _welch(rows.test.to_numpy(float), chosen[REFERENCE].test.to_numpy(float))
        for code, rows in chosen.items()
        if code != REFERENCE
    }
    made = {code: test for code, test in tests.items() if "p" in test}
    # PAPER: 8 comparisons; here as many as the study has, whether they can be made or not.
    for code, p in _holm({code: test["p"] for code, test in made.items()}, len(tests)).items():
        test = made[code]
        test |= {"p_bonferroni": min(1.0, test["p"] * len(tests)), "p_holm": p}
        test |= _interval(means[code] - means[REFERENCE])
        test["significant"] = test["p_bonferroni"] < alpha
    return tests


def _welch(figures: Array, reference: Array) -> dict[str, Any]:
    """Return Welch's t-test with effect sizes; differences are variant − vanilla, so worse is > 0.

    ``g`` is Hedges' g; ``superiority`` the chance that a trial of the variant beats one of vanilla.
    """
    for name, sample in (("it", figures), ("vanilla", reference)):
        if len(sample) < 2:
            return {"skipped": f"a test needs two trials of each, {name} has {len(sample)}"}
    if np.ptp(figures) == 0 and np.ptp(reference) == 0:
        return {"skipped": "all trials of each variant have one and the same figure"}
    m, n = len(figures), len(reference)
    (mean, std), (base, spread) = ((x.mean(), x.std(ddof=1)) for x in (figures, reference))
    test = stats.ttest_ind_from_stats(mean, std, m, base, spread, n, equal_var=False)
    pooled = ((m - 1) * std**2 + (n - 1) * spread**2) / (m + n - 2)
    wins = figures[:, None] < reference
    ties = figures[:, None] == reference
    return {
        "trials": min(m, n),
        "difference": float(mean - base),
        "t": float(test.statistic),
        "p": float(test.pvalue),
        "g": float(mean - base) / math.sqrt(pooled) * (1 - 3 / (4 * (m + n) - 9)),
        "superiority": float(wins.mean() + ties.mean() / 2),
    }


def _holm(p: Mapping[str, float], comparisons: int) -> dict[str, float]:
    adjusted, running = {}, 0.0
    for rank, (code, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, value * (comparisons - rank)))
        adjusted[code] = running
    return adjusted


def _interval(draws: Array) -> dict[str, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}
