"""Checks of what the paper claims of marginal curves, on one task, by vanilla's fANOVA.

A curve that moves less than its trees disagree does not move.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odyssey import paper
from odyssey.analysis.claims.hyperparameters import shares, unknown, vanillas
from odyssey.analysis.claims.variants import Check, Finding
from odyssey.analysis.figures.plotting import SHORT
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.units import duration

Array = NDArray[np.float64]
#: Errors within this share of a curve's range count as equally good.
SMALL = 0.1


class Curve(NamedTuple):
    """A marginal curve by ascending value: values, means, standard deviations over trees (n,)."""

    at: Array
    mean: Array
    std: Array


def curve(
    findings: Findings, task: str, target: str, name: str, variant: str = REFERENCE
) -> Curve | None:
    """Return a marginal of a variant, None where there is none."""
    search = findings.fanova[task]["searches"].get(variant, {}).get(target, {})
    curves = search.get("curves", {})
    if name not in curves or len(curves[name]["mean"]) < 2:
        return None
    at = np.array(findings.fanova[task]["factors"][name]["at"], float)
    order = np.argsort(at, kind="stable")
    mean, std = (np.array(curves[name][key])[order] for key in ("mean", "std"))
    return Curve(at[order], mean, std)


def trend(name: str, target: str) -> Check:
    """Check that a curve rises (``-name``: falls) from its first tenth to its last."""

    def check(findings: Findings, task: str) -> Finding:
        found = curve(findings, task, target, name.lstrip("-"))
        if found is None:
            return unknown(findings, task, target)
        tenth = max(1, len(found.at) // 10)
        up, say = not name.startswith("-"), duration if target == "time" else _plain
        return _moves(found, slice(tenth), slice(-tenth, None), up, say)

    return check


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _moves(
    curve: Curve, before: Any, after: Any, up: bool, say: Callable[[float], str] = _plain
) -> Finding:
    """Compare a curve's means over two stretches with the spread of the trees there."""
    _, mean, std = curve
    start, end = mean[before].mean(), mean[after].mean()
    spread = np.concatenate([std[before], std[after]]).mean()
    words = f"from {say(start)} to {say(end)}, spread of trees {say(float(f'{spread:.2g}'))}"
    return (bool(end > start) == up if abs(end - start) > spread else None), words


def noise_dip(findings: Findings, task: str) -> Finding:
    """Check that the error is lower at noise 0.2 to 0.5 than below 0.1."""
    found = curve(findings, task, "error", "noise")
    if found is None:
        return unknown(findings, task)
    at = found.at
    dip, none = (at >= 0.2) & (at <= 0.5), at < 0.1
    if not (dip.any() and none.any()):
        return None, "noise was sampled elsewhere"
    return _moves(found, none, dip, up=False)


def diminishing(findings: Findings, task: str) -> Finding:
    """Check that a block brings less in large networks than in small ones.

    The middle is the geometric one of the sizes; a curve that moves less than its trees disagree
    decides nothing.
    """
    found = curve(findings, task, "error", "hidden")
    if found is None or len(found.at) < 3:
        return unknown(findings, task)
    at, mean, std = found
    tenth = max(1, len(at) // 10)
    places = (
        slice(tenth),
        slice((len(at) - tenth) // 2, (len(at) + tenth) // 2),
        slice(-tenth, None),
    )
    sizes, errors = ([float(values[place].mean()) for place in places] for values in (at, mean))
    first, second = -np.diff(errors) / np.diff(sizes) * 100
    words = f"{first:.3g} a hundred blocks up to {sizes[1]:.0f} blocks, {second:.3g} beyond"
    moves = errors[0] - errors[2] > std.mean()
    return (bool(first > second) if moves else None), words


def basin(findings: Findings, task: str) -> Finding:
    """Check that the basin of good rates is a decade wide or more."""
    found = curve(findings, task, "error", "learning_rate")
    if found is None:
        return unknown(findings, task)
    good = found.at[_good(found)]
    decades = float(np.log10(good.max() / good.min()))
    return decades >= 1, f"{decades:.1f} decades, {good.min():.1e} to {good.max():.1e}"


def _good(found: Curve) -> NDArray[np.bool_]:
    """Return which rates lie in the basin: their error is within a tenth of its range of the best.

    The range is that of the curve up to its value at the lowest rate: beyond the cliff, where
    trials diverge, the error may be anything.
    """
    error = found.mean
    reach: Array = error.min() + SMALL * (min(error[0], error.max()) - error.min())
    return np.asarray(error <= reach)


def sweet_spot(findings: Findings, task: str) -> Finding:
    """Check that the basin's highest rates are as good as its lowest, and train in less time."""
    error, time = (curve(findings, task, target, "learning_rate") for target in ("error", "time"))
    if error is None or time is None:
        return unknown(findings, task, "error" if error is None else "time")
    (good,) = np.nonzero(_good(error))
    fifth = max(1, len(good) // 5)
    low, high = good[:fifth], good[-fifth:]
    faster, words = _moves(time, low, high, False, duration)
    worse, errors = _moves(error, low, high, up=True)
    holds = False if worse else faster
    return holds, f"training time {words}; error {errors}"


def coarse_search(findings: Findings, task: str) -> Finding:
    """Check that the best power of ten, of those that were sampled, lies in the basin."""
    found = curve(findings, task, "error", "learning_rate")
    if found is None:
        return unknown(findings, task)
    powers = 10.0 ** np.arange(-8, 1)
    powers = powers[(powers >= found.at[0] * 0.9) & (powers <= found.at[-1] * 1.1)]
    if not len(powers):
        return None, "no power of ten was sampled"
    errors = np.interp(np.log(powers), np.log(found.at), found.mean)
    reach = found.mean[_good(found)].max()
    words = (
        f"{errors.min():.4g} at {powers[errors.argmin()]:.0e}, the best is {found.mean.min():.4g}"
    )
    return bool(errors.min() <= reach), words


def optimum_beyond(findings: Findings, task: str) -> Finding:
    """Check that the best rate lies above 1e-2, the end of the paper's range.

    Where that was not sampled: that the error still falls at the end of the range. A curve that is
    as low elsewhere, to the spread of its trees, decides nothing.
    """
    found = curve(findings, task, "error", "learning_rate")
    if found is None:
        return unknown(findings, task)
    at, mean, std = found
    end = float(paper.SPACE["learning_rate"].quantile(1))
    beyond = at > end
    if not beyond.any():
        beyond = np.arange(len(at)) >= len(at) - max(1, len(at) // 10)
    if beyond.all():
        return None, f"no rate below {end:g} was sampled"
    inside, outside = mean[~beyond].min(), mean[beyond].min()
    spread = float(std[mean.argmin()])
    words = f"best at {at[mean.argmin()]:.1e}; least {inside:.4g} up to {at[~beyond][-1]:.1e}"
    words += f" and {outside:.4g} above, spread of trees {spread:.2g}"
    return (bool(outside < inside) if abs(outside - inside) > spread else None), words


def rate_carries_over(findings: Findings, task: str) -> Finding:
    """Check that the best rate of the smallest third of networks is a good one for the largest.

    By the averages over learning rate and hidden size; good is within a tenth of the range that the
    largest third's curve spans.
    """
    grid = _map(findings, task, "learning_rate", "hidden")
    if grid is None:
        return unknown(findings, task)
    rates, _, error = grid
    third = max(1, error.shape[1] // 3)
    small, large = error[:, :third].mean(axis=1), error[:, -third:].mean(axis=1)
    loss = float(large[small.argmin()] - large.min())
    span = float(large.max() - large.min())
    words = f"best at {rates[small.argmin()]:.1e} for the smallest third of networks, "
    words += (
        f"at {rates[large.argmin()]:.1e} for the largest, which lose {loss:.2g} of {span:.3g} by it"
    )
    return loss <= SMALL * span, words


def _map(
    findings: Findings, task: str, first: str, second: str, kind: str = "marginal"
) -> tuple[Array, Array, Array] | None:
    """Return the middles of both factors' cells and vanilla's map over them, None without one."""
    for found in vanillas(findings, task).get("maps", ()):
        if set(found["factors"]) == {first, second}:
            grid = np.array(found[kind], float)
            grid = grid if found["factors"][0] == first else grid.T
            edges = (findings.fanova[task]["factors"][name]["edges"] for name in (first, second))
            one, two = (np.array(edge, float) for edge in edges)
            return (one[1:] + one[:-1]) / 2, (two[1:] + two[:-1]) / 2, grid
    return None


def similar_curves(findings: Findings, task: str) -> Finding:
    """Check that variants which are not significantly worse have vanilla's curves.

    Alike is a root mean square difference below a tenth of the range of vanilla's curve over the
    learning rate. A larger one decides only where it is also larger than the trees' spread.
    """
    tests = {
        code: row["top"].get("against") or {}
        for code, row in findings.comparison[task]["variants"].items()
    }
    codes = [
        code
        for code, test in tests.items()
        if "p" in test and not (test["significant"] and test["difference"] > 0)
    ]
    rate = curve(findings, task, "error", "learning_rate")
    apart = [
        (*_apart(findings, task, code, name), code, name)
        for code in codes
        for name in paper.CURVED
        if curve(findings, task, "error", name, code) and curve(findings, task, "error", name)
    ]
    if rate is None or not apart:
        return None, "needs vanilla's curves and those of a variant that is not worse"
    span = float(np.ptp(rate.mean))
    words = "; ".join(
        f"{code} {100 * gap / span:.0f} % over {SHORT[name]}"
        for gap, _, code, name in sorted(apart, reverse=True)[:3]
    )
    far = [gap > spread for gap, spread, _, _ in apart if gap > SMALL * span]
    return (not far or (False if any(far) else None)), f"of vanilla's range: at most {words}"


def _apart(findings: Findings, task: str, code: str, name: str) -> tuple[float, float]:
    """Return the root mean square from a variant's curve to vanilla's, and the trees' spread."""
    ours, base = (curve(findings, task, "error", name, which) for which in (code, REFERENCE))
    assert ours is not None
    assert base is not None
    gap = np.sqrt(np.mean((ours.mean - base.mean) ** 2))
    return float(gap), float(np.sqrt(np.mean(ours.std**2 + base.std**2)))


def less_noise_at_high_rates(findings: Findings, task: str) -> Finding:
    """Check that noise above .5 costs more at rates above 1e-4: the interaction's sign."""
    grid = _map(findings, task, "learning_rate", "noise", "interaction")
    share = shares(findings, task).get(("learning_rate", "noise"))
    if grid is None or share is None:
        return unknown(findings, task)
    rates, noises, interaction = grid
    high = [np.where(rates > 1e-4, 1, -1), np.where(noises > 0.5, 1, -1)]
    if any(np.ptp(signs) == 0 for signs in high):
        return None, "rates or noises were sampled on one side only"
    slope = float(np.mean(interaction * np.multiply.outer(*high)))
    strong = max(share.readings) >= 0.005  # weaker ones have a sign by chance
    return (slope > 0 if strong else None), f"{slope:+.3g} where both are high; {share}"
