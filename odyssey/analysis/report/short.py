"""What a study found, task by task, in a few sentences: the first thing that the report says."""

from collections.abc import Mapping
from dataclasses import dataclass

from odyssey import paper
from odyssey.analysis.findings import REFERENCE, Findings, finite, winner
from odyssey.analysis.records import Comparison, Decomposition, Effect, VariantSummary
from odyssey.analysis.words import merit_of, short_of, source_of, title_of

#: Hyperparameters that are named, of those that explain a hundredth of the variance or more.
_NAMED = 3
#: Trials a side, as in the paper, from which on few of them are no remark.
_MANY = 20


@dataclass(frozen=True)
class Short:
    """The answers for one task, in words; ``other`` tells that the data are not the paper's."""

    title: str
    data: str
    best: str
    variants: str
    factors: str
    other: bool


def in_short(findings: Findings) -> list[Short]:
    """Return the answers for every task, in the order of the report."""
    return [_of_task(findings, task) for task in findings.tasks]


def _of_task(findings: Findings, task: str) -> Short:
    facts = findings.data.get(task)
    sources = [source_of(task, name) for name in sorted(set(findings.of(task).source))]
    return Short(
        title_of(task),
        facts.description if facts else ", ".join(sources) or "none yet",
        _best(findings, task),
        _variants(findings.comparison[task]),
        _factors(findings, task),
        facts is not None and not facts.comparable,
    )


def _best(findings: Findings, task: str) -> str:
    row, facts = winner(finite(findings.of(task))), findings.data.get(task)
    if row is None:
        return "no trial has a figure yet"
    text = f"{row['test']:.4g} by {row['variant']}, {merit_of(task)} on the test set"
    if facts and facts.baselines:
        name, figure = min(facts.baselines.items(), key=lambda item: item[1])
        text += f"; without a network {figure:.4g} ({name})"
    if findings.beside(task) and (theirs := paper.BEST_BY_VALIDATION.get(task)):
        text += f"; in the paper {theirs.test:.4g} by {theirs.variant}"
    return text


def _variants(comparison: Comparison) -> str:
    """Say which variants are significantly worse or better than vanilla, or why nobody can."""
    own, reference = comparison.variants, comparison.reference
    others = {code: row for code, row in own.items() if code != reference}
    tested = {code: row.top.test for code, row in others.items() if row.top.test}
    if not others:
        return f"nothing to compare: {', '.join(own)} alone"
    if not tested:
        return f"no variant can be compared with {reference}: {_reason(others)}"
    parts = []
    for word, found in (
        ("worse", [code for code, test in tested.items() if test.is_worse]),
        ("better", [code for code, test in tested.items() if test.is_better]),
    ):
        parts.append(f"{', '.join(found) or 'none'} significantly {word} than {_spoken(reference)}")
    share = f"{100 * comparison.share:g}\N{NO-BREAK SPACE}%"
    text = f"{'; '.join(parts)}, by the best {share} of their trials"
    fewest = min(test.trials for test in tested.values())
    few = f". With {fewest} trials a side small differences stay unseen"
    return text + (few if fewest < _MANY else "")


def _spoken(code: str) -> str:
    return "vanilla" if code == REFERENCE else code


def _reason(others: Mapping[str, VariantSummary]) -> str:
    reasons = {getattr(row.top.against, "skipped", "") for row in others.values()}
    return min(filter(None, reasons), default="there are no trials")


def _factors(findings: Findings, task: str) -> str:
    """Say which hyperparameters explain how much of the variance of vanilla's error."""
    searches = findings.fanova[task].searches
    code = REFERENCE if REFERENCE in searches else next(iter(searches), None)
    own = searches[code].error if code is not None else None
    if not isinstance(own, Decomposition):
        return getattr(own, "skipped", "") or "no fANOVA yet"
    ranked = sorted(own.mains.items(), key=lambda item: -item[1].estimate)
    named = [(name, effect) for name, effect in ranked[:_NAMED] if effect.estimate >= 0.01]
    words = ", ".join(f"{short_of(name)} {_share(effect)}" for name, effect in named)
    whole = f"of the variance of {code}'s error"
    return f"{words} {whole}" if words else f"none alone explains a hundredth {whole}"


def _share(effect: Effect) -> str:
    text = _percent(effect.estimate)
    if effect.interval is None:
        return text
    low, high = (f"{100 * bound:.0f}" for bound in effect.interval)
    return f"{text} ({low} to {high})"


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.0995 else 1}f}\N{NO-BREAK SPACE}%"
