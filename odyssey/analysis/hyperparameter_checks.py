"""Checks of what the paper claims of hyperparameters, on one task, by vanilla's fANOVA.

Shares that its two readings put on different sides of a bound decide nothing, and a curve that
moves less than its trees disagree does not move.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.plotting import SHORT
from odyssey.analysis.variant_checks import Check, Finding, all_hold
from odyssey.tasks import TASKS

Factors = tuple[str, ...]


def _search(findings: Findings, task: str, target: str = "error") -> Mapping[str, Any]:
    """Return vanilla's decomposition; one that is missing has ``skipped`` with the reason."""
    none = {"skipped": "vanilla is not in this study"}
    found: Mapping[str, Any]
    found = findings.fanova[task]["searches"].get(REFERENCE, {}).get(target, none)
    return found


class Share(NamedTuple):
    """A share of variance: our estimate with its interval, if there is one, the paper's reading."""

    estimate: float
    papers: float
    low: float
    high: float

    @property
    def readings(self) -> tuple[float, float]:
        """Both readings, which bracket the truth."""
        return self.estimate, self.papers

    def __str__(self) -> str:
        interval = f", {100 * self.low:.1f} to {100 * self.high:.1f} %" * (self.low < self.high)
        papers = f"{100 * self.papers:.1f} % by the paper's method"
        return f"{100 * self.estimate:.1f} %{interval} ({papers})"


def _shares(findings: Findings, task: str, target: str = "error") -> dict[Factors, Share]:
    """Return main effects and pairs by their factors in alphabetical order."""
    return {
        tuple(sorted(effect["factors"])): Share(
            effect["estimate"],
            effect["fraction"],
            effect.get("low", effect["estimate"]),
            effect.get("high", effect["estimate"]),
        )
        for effect in _search(findings, task, target).get("effects", ())
        if effect["kind"] in ("main", "pair")
    }


def share_between(low: float, high: float, *factors: str, target: str = "error") -> Check:
    """Check that an effect's share of the variance lies in a range, by both readings.

    It does not where both lie outside and so does the whole interval.
    """

    def check(findings: Findings, task: str) -> Finding:
        key = tuple(sorted(factors))
        share = _shares(findings, task, target).get(key)
        if share is None:
            return _unknown(findings, task, target)
        holds = _agreed(low <= value <= high for value in share.readings)
        if holds is False and share.low <= high and share.high >= low:
            holds = None
        alone = _shares(findings, task, "finished").get(key) if target == "error" else None
        return holds, f"{share}; without diverged trials {alone}" if alone else str(share)

    return check


def _unknown(findings: Findings, task: str, target: str = "error") -> Finding:
    return None, _search(findings, task, target).get("skipped", "not sampled in this study")


def _agreed(inside: Iterable[bool]) -> bool | None:
    """Return what both readings say, None where they differ."""
    first, second = inside
    return first if first == second else None


def learning_rate_first(findings: Findings, task: str) -> Finding:
    """Check the order learning rate, hidden size, noise, by both readings.

    It is another where both put two the other way round and their intervals do not meet.
    """
    names = ("learning_rate", "hidden", "noise")
    shares = _shares(findings, task)
    if any((name,) not in shares for name in names):
        return _unknown(findings, task)
    found = [shares[name,] for name in names]
    words = "; ".join(f"{SHORT[n]} {share}" for n, share in zip(names, found, strict=True))
    holds = all_hold(_larger(first, second) for first, second in pairwise(found))
    return holds, words


def _larger(first: Share, second: Share) -> bool | None:
    readings = zip(first.readings, second.readings, strict=True)
    larger = _agreed(a > b for a, b in readings)
    return None if larger is False and first.high >= second.low else larger


def others_independent(*named: Factors) -> Check:
    """Check that no pair but those named explains more than the 2.5 % that the paper names."""

    def check(findings: Findings, task: str) -> Finding:
        known = {tuple(sorted(pair)) for pair in named}
        shares = _shares(findings, task)
        pairs = {key: value for key, value in shares.items() if len(key) == 2 and key not in known}
        if not pairs:
            return _unknown(findings, task)
        largest = max(pairs, key=lambda pair: pairs[pair].estimate)
        readings = zip(*(pair.readings for pair in pairs.values()), strict=True)
        holds = _agreed(max(reading) <= 0.025 for reading in readings)
        if holds is False and pairs[largest].low <= 0.025:
            holds = None
        words = " × ".join(SHORT.get(name, name) for name in largest)
        return holds, f"at most {words} {pairs[largest]}"

    return check


def most_interactions(findings: Findings, task: str) -> Finding:
    """Check that interactions explain more here than on any other task, by both readings."""
    sums = {}
    for name in findings.tasks:
        mains = [value for key, value in _shares(findings, name).items() if len(key) == 1]
        if mains:
            readings = (
                1 - sum(reading) for reading in zip(*(m.readings for m in mains), strict=True)
            )
            estimate, papers = readings
            sums[name] = Share(estimate, papers, estimate, estimate)
    if task not in sums or len(sums) < 2:
        return None, "needs vanilla's fANOVA on this task and another"
    others = [sums[name] for name in sums if name != task]
    holds = all_hold(
        _agreed(a > b for a, b in zip(sums[task].readings, other.readings, strict=True))
        for other in others
    )
    rest = "; ".join(f"{TASKS[name].title} {sums[name]}" for name in sums if name != task)
    return holds, f"{sums[task]}; {rest}"


def _curve(findings: Findings, task: str, target: str, name: str) -> tuple[Any, Any, Any] | None:
    """Return values, mean and standard deviation of one of vanilla's marginals, by value."""
    curves = _search(findings, task, target).get("curves", {})
    if name not in curves or len(curves[name]["mean"]) < 2:
        return None
    at = np.array(findings.fanova[task]["factors"][name]["at"], float)
    order = np.argsort(at, kind="stable")
    mean, std = (np.array(curves[name][key])[order] for key in ("mean", "std"))
    return at[order], mean, std


def trend(name: str, target: str) -> Check:
    """Check that a curve rises (``-name``: falls) from its first tenth to its last."""

    def check(findings: Findings, task: str) -> Finding:
        curve = _curve(findings, task, target, name.lstrip("-"))
        if curve is None:
            return _unknown(findings, task, target)
        tenth = max(1, len(curve[0]) // 10)
        return _moves(curve, slice(tenth), slice(-tenth, None), not name.startswith("-"))

    return check


def _moves(curve: tuple[Any, Any, Any], before: Any, after: Any, up: bool) -> Finding:
    """Compare a curve's means over two stretches with the spread of the trees there."""
    _, mean, std = curve
    start, end = mean[before].mean(), mean[after].mean()
    spread = np.concatenate([std[before], std[after]]).mean()
    words = f"from {start:.4g} to {end:.4g}, spread of trees {spread:.2g}"
    return (bool(end > start) == up if abs(end - start) > spread else None), words


def noise_dip(findings: Findings, task: str) -> Finding:
    """Check that the error is lower at noise 0.2 to 0.5 than below 0.1."""
    curve = _curve(findings, task, "error", "noise")
    if curve is None:
        return _unknown(findings, task)
    at = curve[0]
    dip, none = (at >= 0.2) & (at <= 0.5), at < 0.1
    if not (dip.any() and none.any()):
        return None, "noise was sampled elsewhere"
    return _moves(curve, none, dip, up=False)


def basin(findings: Findings, task: str) -> Finding:
    """Check the width of the basin: rates whose error is within a tenth of its range of the best.

    The range is that of the curve up to its value at the lowest rate: beyond the cliff, where
    trials diverge, the error is whatever such a trial counts.
    """
    curve = _curve(findings, task, "error", "learning_rate")
    if curve is None:
        return _unknown(findings, task)
    rate, error, _ = curve
    good = rate[error <= error.min() + 0.1 * (min(error[0], error.max()) - error.min())]
    decades = float(np.log10(good.max() / good.min()))
    return decades >= 1, f"{decades:.1f} decades, {good.min():.1e} to {good.max():.1e}"


def less_noise_at_high_rates(findings: Findings, task: str) -> Finding:
    """Check that noise costs more at high rates than at low ones: the interaction's sign."""
    pair = {"learning_rate", "noise"}
    maps = [m for m in _search(findings, task).get("maps", ()) if set(m["factors"]) == pair]
    share = _shares(findings, task).get(("learning_rate", "noise"))
    if not maps or share is None:
        return _unknown(findings, task)
    grid = np.array(maps[0]["interaction"])
    half = [np.where(np.arange(n) < n // 2, -1, 1) for n in grid.shape]
    slope = float(np.mean(grid * np.multiply.outer(*half)))
    strong = max(share.readings) >= 0.005  # weaker ones have a sign by chance
    return (slope > 0 if strong else None), f"{slope:+.3g} where both are high; {share}"
