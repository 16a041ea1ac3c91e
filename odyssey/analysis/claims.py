"""The paper's claims beside our numbers: each with a verdict and the evidence for it.

Source: Greff et al., section V, as restated from the paper. A verdict is computed for every task
the claim is about; what the trials cannot tell is said, never guessed. The figures behind are those
of the best 10 percent by validation (variants) and of vanilla's fANOVA (hyperparameters).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.tasks import TASKS

#: Best test figure of the paper's 1,800 runs of a task, and the variant that reached it.
PAPER_BEST: Mapping[str, tuple[float, str]] = {
    "timit": (29.6, "CIFG"),
    "iamondb": (9.26, "NP"),
    "jsb": (8.38, "NIAF"),
}
#: With fewer trials a side a missing significance is no evidence of equality.
FEW = 10
#: A finding on one task: does it hold (None: cannot say), and by what numbers.
Finding = tuple[bool | None, str]


@dataclass(frozen=True)
class Verdict:
    """A claim of the paper, what became of it here, and the evidence by task."""

    claim: str
    verdict: str
    evidence: tuple[tuple[str, bool | None, str], ...]


def judge(findings: Findings) -> list[Verdict]:
    """Return the verdict on every claim of the paper, in its order."""
    verdicts = []
    for claim, tasks, check in CLAIMS:
        rows = [
            (TASKS[task].title, *check(findings, task)) for task in tasks if task in findings.tasks
        ]
        holds = [holds for _, holds, _ in rows] + [None] * (len(tasks) - len(rows))
        rows = rows or [("", None, "its tasks are not in this study")]
        verdicts.append(Verdict(claim, _verdict(holds), tuple(rows)))
    return verdicts


def _verdict(holds: list[bool | None]) -> str:
    if all(value is None for value in holds):
        return "cannot say"
    if any(value is False for value in holds):
        return "differs" if not any(holds) else "partly"
    return "agrees" if all(holds) else "agrees so far"


def _best(findings: Findings, task: str) -> Finding:
    found = [
        (variant["best"]["test"], code)
        for code, variant in findings.comparison[task]["variants"].items()
        if variant["best"]
    ]
    if not found:
        return None, "no trials"
    (ours, code), (paper, theirs) = min(found), PAPER_BEST[task]
    words = f"{ours:.4g} by {code}; paper {paper:.4g} by {theirs}"
    if not findings.data.get(task, {}).get("comparable"):
        return None, f"{words}, on other data"
    return ours <= 1.05 * paper, words


def _differences(codes: Iterable[str], expected: str) -> Callable[[Findings, str], Finding]:
    """Check that variants' best trials are significantly ``worse``, or ``not worse`` …"""

    def check(findings: Findings, task: str) -> Finding:
        variants = findings.comparison[task]["variants"]
        tests = {
            code: variants[code]["top"]["against"] or {"skipped": "is vanilla"}
            for code in codes
            if code in variants
        }
        made = {code: test for code, test in tests.items() if "p" in test}
        if not made:
            reasons = {test["skipped"] for test in tests.values()}
            return None, "; ".join(sorted(reasons)) or "these variants are not in this study"
        words = [
            f"{c} {t['difference']:+.3g} (p = {t['p_bonferroni']:.2g})" for c, t in made.items()
        ]
        words += [f"{c}: {t['skipped']}" for c, t in tests.items() if c not in made]
        if (fewest := min(test["trials"] for test in made.values())) < FEW:
            words.append(f"only {fewest} trials a variant")
        return _all(_as_expected(test, expected) for test in tests.values()), "; ".join(words)

    return check


def _as_expected(test: Mapping[str, Any], expected: str) -> bool | None:
    """Compare a test with what is expected of it; with few trials no difference says nothing."""
    if "p" not in test or (not test["significant"] and test["trials"] < FEW):
        return None
    worse = test["significant"] and test["difference"] > 0
    better = test["significant"] and test["difference"] < 0
    answers = {"worse": worse, "not worse": not worse, "not better": not better}
    return bool(answers.get(expected, not test["significant"]))


def _all(holds: Iterable[bool | None]) -> bool | None:
    values = list(holds)
    return False if False in values else None if None in values else True


def _share(findings: Findings, task: str, *factors: str) -> tuple[float, float] | None:
    """Return an effect on vanilla's error: the paper's reading, and our estimate."""
    search = findings.fanova[task]["searches"].get(REFERENCE, {})
    for effect in search.get("error", {}).get("effects", ()):
        if effect["kind"] in ("main", "pair") and set(effect["factors"]) == set(factors):
            return effect["fraction"], effect["estimate"]
    return None


def _between(names: Iterable[tuple[str, ...]], low: float, high: float) -> Callable[..., Finding]:
    """Check that shares of variance lie in a range; both readings must, else we cannot say."""

    def check(findings: Findings, task: str) -> Finding:
        held: list[bool | None] = []
        words = []
        for factors in names:
            share = _share(findings, task, *factors)
            if share is None:
                return None, _reason(findings, task)
            inside = [low <= value <= high for value in share]
            held.append(inside[0] if inside[0] == inside[1] else None)
            words.append(_percent(*share))
        return _all(held), "; ".join(words)

    return check


def _percent(papers: float, estimate: float) -> str:
    return f"{100 * estimate:.1f} % ({100 * papers:.1f} % by the paper's method)"


def _reason(findings: Findings, task: str) -> str:
    search = findings.fanova[task]["searches"].get(REFERENCE, {})
    return str(search.get("error", {}).get("skipped", "vanilla is not in this study"))


def _order(findings: Findings, task: str) -> Finding:
    names = ("learning_rate", "hidden", "noise")
    found = [_share(findings, task, name) for name in names]
    if None in found:
        return None, _reason(findings, task)
    shares = [share[1] for share in found if share is not None]
    words = ", ".join(f"{name} {100 * s:.1f} %" for name, s in zip(names, shares, strict=True))
    return shares == sorted(shares, reverse=True), words


def _curve(findings: Findings, task: str, target: str, name: str) -> tuple[Any, Any, Any] | None:
    """Return values, mean and standard deviation of one of vanilla's marginals, by value."""
    result = findings.fanova[task]["searches"].get(REFERENCE, {}).get(target, {})
    if name not in result.get("curves", {}):
        return None
    at = np.array(findings.fanova[task]["factors"][name]["at"], float)
    order = np.argsort(at, kind="stable")
    mean, std = (np.array(result["curves"][name][key])[order] for key in ("mean", "std"))
    return at[order], mean, std


def _trend(name: str, target: str) -> Callable[[Findings, str], Finding]:
    """Check that a curve rises (``-name``: falls) from its first tenth to its last.

    A change below the spread of the trees there says nothing.
    """

    def check(findings: Findings, task: str) -> Finding:
        curve = _curve(findings, task, target, name.lstrip("-"))
        if curve is None:
            return None, _reason(findings, task)
        _, mean, std = curve
        tenth = max(1, len(mean) // 10)
        (start, end), spread = (
            (mean[:tenth].mean(), mean[-tenth:].mean()),
            np.concatenate([std[:tenth], std[-tenth:]]).mean(),
        )
        words = f"from {start:.4g} to {end:.4g}, spread of trees {spread:.2g}"
        rises = bool(end > start) != name.startswith("-")
        return (rises if abs(end - start) > spread else None), words

    return check


def _basin(findings: Findings, task: str) -> Finding:
    """Width of the basin: rates whose marginal error is within a tenth of its range of the best."""
    curve = _curve(findings, task, "error", "learning_rate")
    if curve is None:
        return None, _reason(findings, task)
    rate, error, _ = curve
    good = rate[error <= error.min() + 0.1 * np.ptp(error)]
    decades = float(np.log10(good.max() / good.min()))
    return decades >= 1, f"{decades:.1f} decades, {good.min():.1e} to {good.max():.1e}"


def _rate_and_noise(findings: Findings, task: str) -> Finding:
    """At high rates noise costs more than at low ones: the sign of their interaction."""
    error = findings.fanova[task]["searches"].get(REFERENCE, {}).get("error", {})
    maps = {frozenset(entry["factors"]): entry for entry in error.get("maps", ())}
    entry = maps.get(frozenset(("learning_rate", "noise")))
    share = _share(findings, task, "learning_rate", "noise")
    if entry is None or share is None:
        return None, _reason(findings, task)
    grid = np.array(entry["interaction"])
    half = [np.where(np.arange(n) < n // 2, -1, 1) for n in grid.shape]
    slope = float(np.mean(grid * np.multiply.outer(*half)))
    return slope > 0, f"{slope:+.3g} where both are high; {_percent(*share)}"


EVERY = ("timit", "iamondb", "jsb")
ALL_VARIANTS = ("NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR")
Claim = tuple[str, tuple[str, ...], Callable[[Findings, str], Finding]]
CLAIMS: tuple[Claim, ...] = (
    ("The best network reaches the paper's test figure (within 5 %).", EVERY, _best),
    (
        "No variant is significantly better than vanilla.",
        EVERY,
        _differences(ALL_VARIANTS, "not better"),
    ),
    (
        "Without forget gate or output activation results are significantly worse.",
        EVERY,
        _differences(("NFG", "NOAF"), "worse"),
    ),
    (
        "Without input gate, output gate or input activation, also on speech and writing …",
        EVERY[:2],
        _differences(("NIG", "NOG", "NIAF"), "worse"),
    ),
    ("… and not on music.", EVERY[2:], _differences(("NIG", "NOG", "NIAF"), "not worse")),
    (
        "Coupled gates and missing peepholes change nothing significantly.",
        EVERY,
        _differences(("CIFG", "NP"), "unchanged"),
    ),
    (
        "Full gate recurrence changes nothing on speech and writing …",
        EVERY[:2],
        _differences(("FGR",), "unchanged"),
    ),
    ("… and is worse on music.", EVERY[2:], _differences(("FGR",), "worse")),
    (
        "The learning rate explains more than two thirds of the variance.",
        EVERY,
        _between([("learning_rate",)], 2 / 3, 1),
    ),
    ("Hidden size comes next, then input noise.", EVERY, _order),
    ("Momentum explains less than one percent.", EVERY, _between([("momentum",)], 0, 0.01)),
    (
        "Learning rate × momentum explains about 2.5 % on speech (1 to 5 %).",
        EVERY[:1],
        _between([("learning_rate", "momentum")], 0.01, 0.05),
    ),
    (
        "At a high learning rate less noise is better, at a low one more.",
        EVERY[1:],
        _rate_and_noise,
    ),
    ("Good learning rates form a basin of one to two orders of magnitude.", EVERY, _basin),
    ("Larger networks are better …", EVERY, _trend("-hidden", "error")),
    ("… and slower.", EVERY, _trend("hidden", "time")),
    ("Input noise hurts …", EVERY, _trend("noise", "error")),
    ("… and costs time.", EVERY, _trend("noise", "time")),
    (
        "Nesterov or classical momentum does not matter.",
        EVERY[:1],
        _between([("nesterov",)], 0, 0.01),
    ),
    ("Clipping gradients hurts.", EVERY[:1], _trend("clip", "error")),
)
