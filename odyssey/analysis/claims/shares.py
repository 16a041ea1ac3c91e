"""Checks of what the paper claims about shares of the variance, on one task, by vanilla's fANOVA.

Every share has two readings: our estimate and the paper's. Where they lie on different sides of a
bound the verdict stays open (None).
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from odyssey import paper
from odyssey.analysis.claims.evidence import Check, Evidence, all_hold
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Decomposition, Skipped, Target
from odyssey.analysis.words import short_of, title_of

Factors = tuple[str, ...]


class Share(NamedTuple):
    """A share of the variance: our estimate with its interval, if any, and the paper's reading."""

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


def shares(findings: Findings, task: str, target: Target = "error") -> dict[Factors, Share]:
    """Return main effects and pairs by their factors in alphabetical order."""
    anova = findings.fanova[task].of(REFERENCE, target)
    effects = anova.effects if isinstance(anova, Decomposition) else ()
    return {
        tuple(sorted(effect.factors)): Share(
            effect.estimate,
            effect.fraction,
            *(effect.interval or (effect.estimate, effect.estimate)),
        )
        for effect in effects
        if effect.kind in ("main", "pair")
    }


def share_between(low: float, high: float, *factors: str, target: Target = "error") -> Check:
    """Check that an effect's share of the variance lies in a range, by both readings.

    It does not where both lie outside and so does the whole interval.
    """

    def check(findings: Findings, task: str) -> Evidence:
        key = tuple(sorted(factors))
        share = shares(findings, task, target).get(key)
        if share is None:
            return unknown(findings, task, target)
        holds = _agreed(low <= value <= high for value in share.readings)
        if holds is False and share.low <= high and share.high >= low:
            holds = None
        alone = shares(findings, task, "finished").get(key) if target == "error" else None
        words = f"{share}; without diverged trials {alone}" if alone else str(share)
        return Evidence(holds, words)

    return check


def unknown(findings: Findings, task: str, target: Target = "error") -> Evidence:
    """Return the reason why there is no verdict."""
    anova = findings.fanova[task].of(REFERENCE, target)
    reason = anova.skipped if isinstance(anova, Skipped) else "not sampled in this study"
    return Evidence(None, reason)


def _agreed(inside: Iterable[bool]) -> bool | None:
    """Return what both readings say, None where they differ."""
    first, second = inside
    return first if first == second else None


def in_order(*names: str) -> Check:
    """Check that the shares of hyperparameters fall in this order, by both readings.

    They do not where both readings put two the other way round and their intervals do not meet.
    """

    def check(findings: Findings, task: str) -> Evidence:
        known = shares(findings, task)
        if any((name,) not in known for name in names):
            return unknown(findings, task)
        ours = [known[name,] for name in names]
        words = "; ".join(f"{short_of(n)} {share}" for n, share in zip(names, ours, strict=True))
        theirs = paper.shares(task)
        words += "; figure 5: " + ", ".join(f"{100 * theirs[name]:.1f}" for name in names) + " %"
        return Evidence(all_hold(_larger(*both) for both in pairwise(ours)), words)

    return check


def _larger(first: Share, second: Share) -> bool | None:
    readings = zip(first.readings, second.readings, strict=True)
    larger = _agreed(a > b for a, b in readings)
    return None if larger is False and first.high >= second.low else larger


def highest_pair(*pair: str) -> Check:
    """Check that no other pair of hyperparameters explains more than this one."""

    def check(findings: Findings, task: str) -> Evidence:
        key = tuple(sorted(pair))
        pairs = {names: its for names, its in shares(findings, task).items() if len(names) == 2}
        if key not in pairs or len(pairs) < 2:
            return unknown(findings, task)
        mine = pairs.pop(key)
        rival = max(pairs, key=lambda names: pairs[names].estimate)
        holds = all_hold(_larger(mine, other) for other in pairs.values())
        names = " × ".join(map(short_of, rival))
        return Evidence(holds, f"{mine}; the highest other is {names}, {pairs[rival]}")

    return check


def much_smaller(pair: tuple[str, str], alone: str) -> Check:
    """Check that a pair explains less than a tenth of what one of its two explains alone."""

    def check(findings: Findings, task: str) -> Evidence:
        known = shares(findings, task)
        both, one = known.get(tuple(sorted(pair))), known.get((alone,))
        if both is None or one is None:
            return unknown(findings, task)
        readings = zip(both.readings, one.readings, strict=True)
        return Evidence(_agreed(a < b / 10 for a, b in readings), f"{both} against {one}")

    return check


def interactions_between(low: float, high: float) -> Check:
    """Check that all interactions together explain a share in a range, by both readings."""

    def check(findings: Findings, task: str) -> Evidence:
        share = interactions(findings, task)
        if share is None:
            return unknown(findings, task)
        theirs = 100 * paper.shares(task)[paper.HIGHER_ORDER]
        words = f"{share}; figure 5: {theirs:.1f} %"
        return Evidence(_agreed(low <= value <= high for value in share.readings), words)

    return check


def interactions(findings: Findings, task: str) -> Share | None:
    """Return what the main effects leave of the variance; None without a decomposition."""
    mains = [value for key, value in shares(findings, task).items() if len(key) == 1]
    if not mains:
        return None
    estimate, papers = (
        1 - sum(reading) for reading in zip(*(m.readings for m in mains), strict=True)
    )
    return Share(estimate, papers, estimate, estimate)


def most_interactions(findings: Findings, task: str) -> Evidence:
    """Check that interactions explain more here than on the paper's other tasks.

    By both readings.
    """
    sums = {
        name: share
        for name in findings.tasks
        if name in paper.TASKS and (share := interactions(findings, name))
    }
    if task not in sums or len(sums) < 2:
        return Evidence(None, "needs vanilla's fANOVA on this task and another")
    others = [sums[name] for name in sums if name != task]
    holds = all_hold(
        _agreed(a > b for a, b in zip(sums[task].readings, other.readings, strict=True))
        for other in others
    )
    rest = "; ".join(f"{title_of(name)} {sums[name]}" for name in sums if name != task)
    return Evidence(holds, f"{sums[task]}; {rest}")
