"""Checks of what the paper claims of hyperparameters, on one task, by vanilla's fANOVA.

Shares that its two readings put on different sides of a bound decide nothing, and a curve that
moves less than its trees disagree does not move.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.plotting import SHORT
from odyssey.analysis.variant_checks import Check, Finding
from odyssey.tasks import TASKS

Factors = tuple[str, ...]


def _search(findings: Findings, task: str, target: str = "error") -> Mapping[str, Any]:
    """Return vanilla's decomposition; one that is missing has ``skipped`` with the reason."""
    none = {"skipped": "vanilla is not in this study"}
    found: Mapping[str, Any]
    found = findings.fanova[task]["searches"].get(REFERENCE, {}).get(target, none)
    return found


def _shares(findings: Findings, task: str, target: str = "error") -> dict[Factors, list[float]]:
    """Return main effects and pairs as [estimate, the paper's reading], fractions of variance."""
    return {
        tuple(sorted(effect["factors"])): [effect["estimate"], effect["fraction"]]
        for effect in _search(findings, task, target).get("effects", ())
        if effect["kind"] in ("main", "pair")
    }


def share_between(low: float, high: float, *factors: str, target: str = "error") -> Check:
    """Check that an effect's share of the variance lies in a range; both readings must."""

    def check(findings: Findings, task: str) -> Finding:
        share = _shares(findings, task, target).get(tuple(sorted(factors)))
        if share is None:
            return _unknown(findings, task, target)
        words = _percent(share) + (
            _among_finished(findings, task, factors) if target == "error" else ""
        )
        return _agreed(low <= value <= high for value in share), words

    return check


def _unknown(findings: Findings, task: str, target: str = "error") -> Finding:
    return None, _search(findings, task, target).get("skipped", "not sampled in this study")


def _agreed(inside: Iterable[bool]) -> bool | None:
    """Return what both readings say, None where they differ."""
    first, second = inside
    return first if first == second else None


def _percent(share: Iterable[float]) -> str:
    estimate, papers = share
    return f"{100 * estimate:.1f} % ({100 * papers:.1f} % by the paper's method)"


def _among_finished(findings: Findings, task: str, factors: Factors) -> str:
    """Return what diverged trials, which count as the worst, have to do with a share."""
    alone = _shares(findings, task, "finished").get(tuple(sorted(factors)))
    return f"; without diverged trials {_percent(alone)}" if alone else ""


def learning_rate_first(findings: Findings, task: str) -> Finding:
    """Check the order learning rate, hidden size, noise; both readings must have it."""
    names = ("learning_rate", "hidden", "noise")
    shares = _shares(findings, task)
    if any((name,) not in shares for name in names):
        return _unknown(findings, task)
    found = [shares[name,] for name in names]
    ordered = (all(a > b for a, b in pairwise(reading)) for reading in zip(*found, strict=True))
    words = (f"{SHORT[n]} {_percent(share)}" for n, share in zip(names, found, strict=True))
    return _agreed(ordered), "; ".join(words)


def others_independent(*named: Factors) -> Check:
    """Check that no pair but those named explains more than the 2.5 % that the paper names."""

    def check(findings: Findings, task: str) -> Finding:
        known = {tuple(sorted(pair)) for pair in named}
        shares = _shares(findings, task)
        pairs = {key: value for key, value in shares.items() if len(key) == 2 and key not in known}
        if not pairs:
            return _unknown(findings, task)
        largest = max(pairs, key=lambda pair: pairs[pair][0])
        small = (max(reading) <= 0.025 for reading in zip(*pairs.values(), strict=True))
        words = " × ".join(SHORT.get(name, name) for name in largest)
        return _agreed(small), f"at most {words} {_percent(pairs[largest])}"

    return check


def most_interactions(findings: Findings, task: str) -> Finding:
    """Check that interactions explain more here than on any other task; both readings must."""
    sums = {}
    for name in findings.tasks:
        mains = [value for key, value in _shares(findings, name).items() if len(key) == 1]
        if mains:
            sums[name] = [1 - sum(reading) for reading in zip(*mains, strict=True)]
    if task not in sums or len(sums) < 2:
        return None, "needs vanilla's fANOVA on this task and another"
    most = [max(sums, key=lambda name: sums[name][k]) == task for k in (0, 1)]
    return _agreed(most), "; ".join(f"{TASKS[n].title} {_percent(v)}" for n, v in sums.items())


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
    strong = max(share) >= 0.005  # weaker ones have a sign by chance
    return (slope > 0 if strong else None), f"{slope:+.3g} where both are high; {_percent(share)}"
