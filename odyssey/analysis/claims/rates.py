"""Checks of what the paper claims about good learning rates, on one task, by vanilla's curves."""

import numpy as np
from numpy.typing import NDArray

from odyssey import paper
from odyssey.analysis.claims.curves import SMALL, Array, Curve, curve, moves
from odyssey.analysis.claims.evidence import Evidence
from odyssey.analysis.claims.shares import unknown
from odyssey.analysis.findings import Findings
from odyssey.units import duration


def basin(findings: Findings, task: str) -> Evidence:
    """Check that the basin of good rates is a decade wide or more."""
    rates = curve(findings, task, "error", "learning_rate")
    if rates is None:
        return unknown(findings, task)
    good = rates.at[_good(rates)]
    decades = float(np.log10(good.max() / good.min()))
    words = f"{decades:.1f} decades, {good.min():.1e} to {good.max():.1e}"
    return Evidence(decades >= 1, words)


def _good(curve: Curve) -> NDArray[np.bool_]:
    """Return which rates lie in the basin: errors at most a tenth of the range above the best.

    The range is that of the curve up to its value at the lowest rate: beyond the cliff, where
    trials diverge, the error may be anything.
    """
    error = curve.mean
    reach: Array = error.min() + SMALL * (min(error[0], error.max()) - error.min())
    return np.asarray(error <= reach)


def sweet_spot(findings: Findings, task: str) -> Evidence:
    """Check that the basin's highest rates are as good as its lowest, and train in less time."""
    error = curve(findings, task, "error", "learning_rate")
    time = curve(findings, task, "time", "learning_rate")
    if error is None or time is None:
        return unknown(findings, task, "error" if error is None else "time")
    (good,) = np.nonzero(_good(error))
    fifth = max(1, len(good) // 5)
    low, high = good[:fifth], good[-fifth:]
    faster, words = moves(time, low, high, False, duration)
    worse, errors = moves(error, low, high, up=True)
    holds = False if worse else faster
    return Evidence(holds, f"training time {words}; error {errors}")


def coarse_search(findings: Findings, task: str) -> Evidence:
    """Check that the best power of ten, of those that were sampled, lies in the basin."""
    rates = curve(findings, task, "error", "learning_rate")
    if rates is None:
        return unknown(findings, task)
    powers = 10.0 ** np.arange(-8, 1)
    powers = powers[(powers >= rates.at[0] * 0.9) & (powers <= rates.at[-1] * 1.1)]
    if not len(powers):
        return Evidence(None, "no power of ten was sampled")
    errors = np.interp(np.log(powers), np.log(rates.at), rates.mean)
    reach = rates.mean[_good(rates)].max()
    words = (
        f"{errors.min():.4g} at {powers[errors.argmin()]:.0e}, the best is {rates.mean.min():.4g}"
    )
    return Evidence(bool(errors.min() <= reach), words)


def optimum_beyond(findings: Findings, task: str) -> Evidence:
    """Check that the best rate lies above 1e-2, the end of the paper's range.

    Where that was not sampled: that the error still falls at the end of the range. A curve that is
    as low elsewhere, to the spread of its trees, decides nothing.
    """
    rates = curve(findings, task, "error", "learning_rate")
    if rates is None:
        return unknown(findings, task)
    at, mean, std = rates
    end = float(paper.SPACE["learning_rate"].quantile(1))
    beyond = at > end
    if not beyond.any():
        beyond = np.arange(len(at)) >= len(at) - max(1, len(at) // 10)
    if beyond.all():
        return Evidence(None, f"no rate below {end:g} was sampled")
    inside, outside = mean[~beyond].min(), mean[beyond].min()
    spread = float(std[mean.argmin()])
    words = f"best at {at[mean.argmin()]:.1e}; least {inside:.4g} up to {at[~beyond][-1]:.1e}"
    words += f" and {outside:.4g} above, spread of trees {spread:.2g}"
    return Evidence(bool(outside < inside) if abs(outside - inside) > spread else None, words)
