"""Checks of what the paper claims about marginal curves, on one task, by vanilla's fANOVA.

A curve counts as moving only where it moves more than the spread of its trees.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odyssey import paper
from odyssey.analysis.claims.evidence import Check, Evidence
from odyssey.analysis.claims.shares import unknown
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Skipped, Target
from odyssey.analysis.words import short_of
from odyssey.units import duration

Array = NDArray[np.float64]
#: Cells or points of a curve.
Stretch = slice | NDArray[np.bool_] | NDArray[np.int64]
#: Errors within this share of a curve's range count as equally good.
SMALL = 0.1


class Curve(NamedTuple):
    """A marginal curve by ascending value: values, means, standard deviations over trees (n,)."""

    at: Array
    mean: Array
    std: Array


def curve(
    findings: Findings, task: str, target: Target, name: str, variant: str = REFERENCE
) -> Curve | None:
    """Return a marginal of a variant, None where there is none."""
    anova = findings.fanova[task].of(variant, target)
    if isinstance(anova, Skipped) or name not in anova.curves or len(anova.curves[name].mean) < 2:
        return None
    at = np.array(findings.fanova[task].factors[name].at, float)
    order = np.argsort(at, kind="stable")
    mean, std = (np.array(values) for values in (anova.curves[name].mean, anova.curves[name].std))
    return Curve(at[order], mean[order], std[order])


def trend(name: str, target: Target) -> Check:
    """Check that a curve rises (``-name``: falls) from its first tenth to its last."""

    def check(findings: Findings, task: str) -> Evidence:
        own = curve(findings, task, target, name.lstrip("-"))
        if own is None:
            return unknown(findings, task, target)
        tenth = max(1, len(own.at) // 10)
        up, say = not name.startswith("-"), duration if target == "time" else _plain
        return moves(own, slice(tenth), slice(-tenth, None), up, say)

    return check


def on_or_off(name: str, check: Check) -> Check:
    """Return a check for studies whose trials have something or not, as the paper's do."""

    def where_it_is(findings: Findings, task: str) -> Evidence:
        factor = findings.fanova[task].factors.get(name)
        if factor and not all(isinstance(level, bool) for level in factor.at):
            return Evidence(None, f"{name} is not just on or off here, as in the paper")
        return check(findings, task)

    return where_it_is


def _plain(value: float) -> str:
    return f"{value:.4g}"


def moves(
    curve: Curve, before: Stretch, after: Stretch, up: bool, say: Callable[[float], str] = _plain
) -> Evidence:
    """Compare a curve's means over two stretches with the spread of the trees there."""
    _, mean, std = curve
    start, end = mean[before].mean(), mean[after].mean()
    spread = np.concatenate([std[before], std[after]]).mean()
    words = f"from {say(start)} to {say(end)}, spread of trees {say(float(f'{spread:.2g}'))}"
    return Evidence(bool(end > start) == up if abs(end - start) > spread else None, words)


def noise_dip(findings: Findings, task: str) -> Evidence:
    """Check that the error is lower at noise 0.2 to 0.5 than below 0.1."""
    own = curve(findings, task, "error", "noise")
    if own is None:
        return unknown(findings, task)
    at = own.at
    dip, none = (at >= 0.2) & (at <= 0.5), at < 0.1
    if not (dip.any() and none.any()):
        return Evidence(None, "noise was sampled elsewhere")
    return moves(own, none, dip, up=False)


def diminishing(findings: Findings, task: str) -> Evidence:
    """Check that one more block brings less in large networks than in small ones.

    The middle is the geometric one of the sizes; a curve that moves less than its trees disagree
    decides nothing.
    """
    own = curve(findings, task, "error", "hidden")
    if own is None or len(own.at) < 3:
        return unknown(findings, task)
    at, mean, std = own
    tenth = max(1, len(at) // 10)
    places = (
        slice(tenth),
        slice((len(at) - tenth) // 2, (len(at) + tenth) // 2),
        slice(-tenth, None),
    )
    sizes, errors = ([float(values[place].mean()) for place in places] for values in (at, mean))
    first, second = -np.diff(errors) / np.diff(sizes) * 100
    words = f"{first:.3g} per hundred blocks up to {sizes[1]:.0f} blocks, {second:.3g} beyond"
    falls = errors[0] - errors[2] > std.mean()
    return Evidence(bool(first > second) if falls else None, words)


def similar_curves(findings: Findings, task: str) -> Evidence:
    """Check that variants which are not significantly worse have vanilla's curves.

    Alike is a root mean square difference below a tenth of the range of vanilla's curve over the
    learning rate. A larger one decides only where it is also larger than the trees' spread.
    """
    codes = [
        code
        for code, own in findings.comparison[task].variants.items()
        if code in paper.ORDER and own.top.test and not own.top.test.is_worse
    ]
    rate = curve(findings, task, "error", "learning_rate")
    apart = [
        (*_apart(ours, base), code, name)
        for code in codes
        for name in paper.CURVED
        if (ours := curve(findings, task, "error", name, code))
        and (base := curve(findings, task, "error", name))
    ]
    if rate is None or not apart:
        return Evidence(None, "needs vanilla's curves and those of a variant that is not worse")
    span = float(np.ptp(rate.mean))
    words = "; ".join(
        f"{code} {100 * gap / span:.0f} % over {short_of(name)}"
        for gap, _, code, name in sorted(apart, reverse=True)[:3]
    )
    far = [gap > spread for gap, spread, _, _ in apart if gap > SMALL * span]
    holds = not far or (False if any(far) else None)
    return Evidence(holds, f"of vanilla's range: at most {words}")


def _apart(ours: Curve, base: Curve) -> tuple[float, float]:
    """Return the root mean square from a variant's curve to vanilla's, and the trees' spread."""
    gap = np.sqrt(np.mean((ours.mean - base.mean) ** 2))
    return float(gap), float(np.sqrt(np.mean(ours.std**2 + base.std**2)))
