"""Checks of what the paper claims about variants, on one task.

They use the best trials by validation, or all trials. Few trials prove no equality. A search that
is half done proves no difference, because the trials that end first are no fair sample of it.
"""

from collections.abc import Iterable, Mapping

from odyssey import paper
from odyssey.analysis.claims.evidence import Check, Evidence, all_hold
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Skipped, VariantSummary, WelchTest

#: With fewer trials per side a missing significance is no evidence of equality.
FEW = 10


def reaches_paper(findings: Findings, task: str) -> Evidence:
    """Check that the trial that is best on validation has the paper's test figure within 5 %.

    PAPER: footnote 7. Only on the paper's data, and of the variants that it has.
    """
    every = findings.comparison[task].variants
    variants = {code: own for code, own in every.items() if code in paper.ORDER}
    best = [(own.best.valid, own.best.test, code) for code, own in variants.items() if own.best]
    if not best:
        return Evidence(None, "no trials")
    (_, ours, code), papers, least = min(best), paper.BEST_BY_VALIDATION[task], paper.least(task)
    words = f"{ours:.4g} by {code}; paper {papers.test:.4g} by {papers.variant}"
    test, whose = min(
        (own.all.least, code) for code, own in variants.items() if own.all.least is not None
    )
    words += f"; least of all trials {test:.4g} by {whose}, paper {least.test:.4g}"
    words += f" by {least.variant}"
    if not findings.comparable(task):
        return Evidence(None, f"{words}; on other data")
    return Evidence(ours <= 1.05 * papers.test, words)


def best_beats_vanillas(code: str) -> Check:
    """Check that the least test figure of a variant's best trials is below that of vanilla's.

    PAPER: a claim on the best tenth of figure 3. Where the loser has fewer trials, nothing can be
    said.
    """

    def check(findings: Findings, task: str) -> Evidence:
        variants = findings.comparison[task].variants
        mine, others = variants.get(code), variants.get(REFERENCE)
        ours, base = (own.top.least if own else None for own in (mine, others))
        if mine is None or others is None or ours is None or base is None:
            return Evidence(None, f"needs a trial of {code} and one of vanilla")
        words = f"{ours:.4g} against {base:.4g}"
        words += f", the best of {mine.trials} and of {others.trials} trials"
        there = paper.boxes(task, "top")
        words += f"; paper {there[code].low:.4g} against {there[REFERENCE].low:.4g}"
        better = ours < base
        loser, winner = (others, mine) if better else (mine, others)
        return Evidence(None if loser.trials < winner.trials else better, words)

    return check


def differences(codes: Iterable[str], expected: str, scope: paper.Scope = "top") -> Check:
    """Check that variants' best trials, or ``all`` of them, differ from vanilla's as expected.

    ``expected`` is significantly ``worse``, ``not worse``, ``not better``, ``unchanged``, or
    ``slightly better``: not significantly, but better in the mean.
    """

    def check(findings: Findings, task: str) -> Evidence:
        variants = findings.comparison[task].variants
        tests = {
            code: variants[code].of(scope).against or Skipped("is vanilla")
            for code in codes
            if code in variants
        }
        if not tests:
            return Evidence(None, "these variants are not in this study")
        made = {code: test for code, test in tests.items() if isinstance(test, WelchTest)}
        lost = {code: test for code, test in tests.items() if isinstance(test, Skipped)}
        words = [f"{c} {t.difference:+.3g} (p = {t.p_bonferroni:.2g})" for c, t in made.items()]
        words += [f"{c}: {t.skipped}" for c, t in lost.items()]
        uneven = [code for code in made if _is_uneven(variants, code)]
        words += [
            f"{c} has {variants[c].trials} trials, vanilla {variants[REFERENCE].trials}"
            for c in uneven
        ]
        if (fewest := min((test.trials for test in made.values()), default=FEW)) < FEW:
            words.append(f"only {fewest} trials per variant")
        holds = (
            None if code in uneven else _as_expected(test, expected) for code, test in tests.items()
        )
        return Evidence(all_hold(holds), "; ".join(words))

    return check


def _is_uneven(variants: Mapping[str, VariantSummary], code: str) -> bool:
    """Say whether a variant or vanilla has less than nine tenths of the other's trials."""
    fewer, more = sorted(variants[name].trials for name in (code, REFERENCE))
    return fewer < 0.9 * more


def _as_expected(test: WelchTest | Skipped, expected: str) -> bool | None:
    """Compare a test with what is expected of it; with few trials no difference says nothing."""
    if isinstance(test, Skipped) or (not test.significant and test.trials < FEW):
        return None
    return {
        "worse": test.is_worse,
        "not worse": not test.is_worse,
        "not better": not test.is_better,
        "unchanged": not test.significant,
        "slightly better": not test.significant and test.difference < 0,
    }[expected]
