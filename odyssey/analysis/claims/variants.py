"""Checks of what the paper claims of variants, on one task: does it hold, and by what numbers.

Behind them are the best trials by validation, or all of them. Few trials prove no equality, and a
search that is half done no difference: the trials that end first are no fair sample of it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from odyssey import paper
from odyssey.analysis.findings import REFERENCE, Findings

#: With fewer trials a side a missing significance is no evidence of equality.
FEW = 10
#: A finding on one task: does it hold (None: cannot say), and by what numbers.
Finding = tuple[bool | None, str]
Check = Callable[[Findings, str], Finding]


def reaches_paper(findings: Findings, task: str) -> Finding:
    """Check that the trial that is best on validation has the paper's test figure within 5 %.

    PAPER: footnote 7. Only on the paper's data.
    """
    found = [
        (variant["best"]["valid"], variant["best"]["test"], code)
        for code, variant in findings.comparison[task]["variants"].items()
        if variant["best"]
    ]
    if not found:
        return None, "no trials"
    (_, ours, code), papers, least = min(found), paper.BEST_BY_VALIDATION[task], paper.least(task)
    words = f"{ours:.4g} by {code}; paper {papers.test:.4g} by {papers.variant}"
    test, whose = min(
        (variant["all"]["least"], code)
        for code, variant in findings.comparison[task]["variants"].items()
        if variant["best"]
    )
    words += f"; least of all trials {test:.4g} by {whose}, paper {least.test:.4g}"
    words += f" by {least.variant}"
    if not findings.comparable(task):
        return None, f"{words}; on other data"
    return ours <= 1.05 * papers.test, words


def best_beats_vanillas(code: str) -> Check:
    """Check that the least test figure of a variant's best trials is below that of vanilla's.

    PAPER: a claim on the best tenth of figure 3. Where the one that loses has fewer trials, nothing
    is said.
    """

    def check(findings: Findings, task: str) -> Finding:
        variants = findings.comparison[task]["variants"]
        rows = [variants.get(name, {"top": {}}) for name in (code, REFERENCE)]
        if not all("least" in row["top"] for row in rows):
            return None, f"needs a trial of {code} and one of vanilla"
        ours, base = (row["top"]["least"] for row in rows)
        mine, others = (row["trials"] for row in rows)
        words = f"{ours:.4g} against {base:.4g}, the best of {mine} and of {others} trials"
        there = paper.boxes(task, "top")
        words += f"; paper {there[code].low:.4g} against {there[REFERENCE].low:.4g}"
        better = bool(ours < base)
        return (None if (mine > others if better else mine < others) else better), words

    return check


def differences(codes: Iterable[str], expected: str, scope: paper.Scope = "top") -> Check:
    """Check that variants' best trials, or ``all`` of them, differ from vanilla's as expected.

    ``expected`` is significantly ``worse``, ``not worse``, ``not better``, ``unchanged``, or
    ``slightly better``: not significantly, but better in the mean.
    """

    def check(findings: Findings, task: str) -> Finding:
        variants = findings.comparison[task]["variants"]
        tests = {
            code: variants[code][scope]["against"] or {"skipped": "is vanilla"}
            for code in codes
            if code in variants
        }
        if not tests:
            return None, "these variants are not in this study"
        made = {code: test for code, test in tests.items() if "p" in test}
        words = [
            f"{c} {t['difference']:+.3g} (p = {t['p_bonferroni']:.2g})" for c, t in made.items()
        ]
        words += [f"{c}: {t['skipped']}" for c, t in tests.items() if c not in made]
        uneven = [code for code in made if _is_uneven(variants, code)]
        base = variants.get(REFERENCE, {}).get("trials")
        words += [f"{c} has {variants[c]['trials']} trials, vanilla {base}" for c in uneven]
        if (fewest := min((test["trials"] for test in made.values()), default=FEW)) < FEW:
            words.append(f"only {fewest} trials a variant")
        holds = (
            None if code in uneven else _as_expected(test, expected) for code, test in tests.items()
        )
        return all_hold(holds), "; ".join(words)

    return check


def _is_uneven(variants: Mapping[str, Any], code: str) -> bool:
    """Say whether a variant or vanilla has less than nine tenths of the other's trials."""
    fewer, more = sorted(variants[name]["trials"] for name in (code, REFERENCE))
    return bool(fewer < 0.9 * more)


def _as_expected(test: Mapping[str, Any], expected: str) -> bool | None:
    """Compare a test with what is expected of it; with few trials no difference says nothing."""
    if "p" not in test or (not test["significant"] and test["trials"] < FEW):
        return None
    significant, better = bool(test["significant"]), bool(test["difference"] < 0)
    return {
        "worse": significant and not better,
        "not worse": not significant or better,
        "not better": not significant or not better,
        "unchanged": not significant,
        "slightly better": not significant and better,
    }[expected]


def all_hold(holds: Iterable[bool | None]) -> bool | None:
    """Return whether all hold: one that fails decides, one that is unknown leaves it open."""
    values = list(holds)
    return False if False in values else None if None in values else True
