"""Which hyperparameter matters, for every variant."""

from collections.abc import Mapping
from typing import Any, Literal

from odyssey import paper
from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import head
from odyssey.analysis.findings import Findings
from odyssey.analysis.records import Anova, Decomposition, Effect, SearchAnova
from odyssey.analysis.words import BLUE, GREEN, GREY, PALE, RED, short_of

DOT: Mapping[str, Any] = {"marker": "o", "color": BLUE, "markersize": 4, "linestyle": ""}
RING: Mapping[str, Any] = {**DOT, "markerfacecolor": "none", "markeredgecolor": RED}
TICK: Mapping[str, Any] = {**DOT, "marker": "|", "color": GREEN, "markersize": 9}


def draw(findings: Findings) -> Figure:
    """Draw every hyperparameter's share of the error's variance, for every variant.

    The estimate with its interval and the paper's reading; the last column is what the main effects
    leave, the interactions.
    """
    tasks, names = findings.tasks, _names(findings)
    most = max((len(findings.fanova[task].searches) for task in tasks), default=0)
    width, height = max(11, 1.8 * (len(names) + 1)), max(1.9, 1.28 + 0.18 * most)
    figure = Figure(figsize=(width, height * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), len(names) + 1, squeeze=False, sharey="row")
    for row, task in enumerate(tasks):
        head(axes[row, 0], task, findings.of(task))
        anova = findings.fanova[task]
        for ax, name in zip(axes[row], (*names, None), strict=True):
            for place, search in enumerate(anova.searches.values()):
                _share(ax, place, search, name)
            ax.set_yticks(range(len(anova.searches)), list(anova.searches))
            ax.set_xlim(-0.02, 1.02)
            ax.set_xticks([0, 0.5, 1])
            ax.set_xlabel(short_of(name) if name else "interactions")
            if name and name not in anova.factors:
                word = "fixed" if name in anova.fixed else "not sampled"
                ax.text(0.5, 0.5, word, transform=ax.transAxes, ha="center", color=GREY)
            ax.grid(axis="x", color=PALE, linewidth=0.6)
        axes[row, 0].set_ylim(len(anova.searches) - 0.5, -0.5)
    _legend(axes[0, -1])
    return figure


def _names(findings: Findings) -> list[str]:
    """Return all hyperparameters of the study, the paper's first and in its order."""
    known = [name for own in findings.fanova.values() for name in (*own.factors, *own.fixed)]
    first = [name for name in (*paper.FACTORS, *paper.SAMPLED) if name in known]
    return list(dict.fromkeys([*first, *(name for name in known if name != "variant")]))


def _legend(ax: Axes) -> None:
    ax.plot([], [], **DOT, label="estimate")
    ax.plot([], [], **RING, label="as in the paper")
    ax.plot([], [], **TICK, label="estimate, finished\ntrials alone")
    ax.legend(loc="center right", fontsize=7, frameon=False)


def _share(ax: Axes, place: int, search: SearchAnova, name: str | None) -> None:
    """Mark the estimates (dot, with interval; tick) and the mean fraction per tree (ring)."""
    words = dict.fromkeys(search.some or (), "some trials")
    words |= dict.fromkeys(search.lacks or (), "no factor")
    if name in words:
        ax.text(0.5, place, words[name], ha="center", va="center", color=GREY, fontsize=7)
    mains, finished = _mains(search.error, name), _mains(search.finished, name)
    if not mains:
        return
    if name and mains[0].interval:
        ax.plot(mains[0].interval, [place, place], color=BLUE, linewidth=1.2)
    if finished:
        ax.plot(_sum(finished, "estimate", name), place, **TICK)
    ax.plot(_sum(mains, "fraction", name), place, **RING)
    ax.plot(_sum(mains, "estimate", name), place, **DOT)


def _mains(anova: Anova, name: str | None) -> list[Effect]:
    mains = anova.mains if isinstance(anova, Decomposition) else {}
    return [effect for factor, effect in mains.items() if name in (None, factor)]


def _sum(mains: list[Effect], reading: Literal["estimate", "fraction"], name: str | None) -> float:
    """Return a factor's share; without a ``name`` that of the interactions."""
    share = sum(e.estimate if reading == "estimate" else e.fraction for e in mains)
    return share if name else 1 - share
