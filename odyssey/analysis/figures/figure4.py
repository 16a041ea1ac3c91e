"""Figure 4 of the paper, its own curves beside ours: how single hyperparameters act.

Source: Greff et al., figure 4. Every panel says how many trials and which data it stands on.
"""

import numpy as np
from numpy.typing import ArrayLike

from odyssey import paper
from odyssey.analysis.figures.axes import Array, places_of, scale_axis
from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import GREY_IS_PAPER, abreast, crop, explain, head
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Decomposition, Factor, Marginal, Skipped, TaskAnova
from odyssey.analysis.words import BLUE, GREEN, GREY, label_of, merit_of
from odyssey.units import time_unit


def draw(findings: Findings) -> Figure:
    """Draw marginal error and training time of vanilla over the hyperparameters of figure 4.

    Hyperparameters that the paper does not know follow, in rows of their own.
    """
    tasks, names = findings.tasks, _names(findings)
    columns = abreast(len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(11 * columns / 3, 3.1 * rows * len(tasks)), layout="constrained")
    axes = figure.subplots(rows * len(tasks), columns, squeeze=False)
    for k, task in enumerate(tasks):
        own = axes[k * rows : (k + 1) * rows].ravel()
        vanilla = findings.of(task)[findings.of(task).variant == REFERENCE]
        head(own[0], task, vanilla, GREY_IS_PAPER if findings.beside(task) else "")
        for ax, name in zip(own, names, strict=False):
            _curves(ax, findings, task, name)
        for ax in own[len(names) :]:
            ax.set_axis_off()
    return figure


def _names(findings: Findings) -> list[str]:
    """Return the hyperparameters of figure 4 that the study has, then those beyond the paper."""
    known = [name for own in findings.fanova.values() for name in (*own.factors, *own.fixed)]
    others = [n for n in dict.fromkeys(known) if n not in (*paper.SPACE, *paper.SAMPLED, "variant")]
    return [name for name in paper.CURVED if name in known] + others


def _curves(ax: Axes, findings: Findings, task: str, name: str) -> None:
    anova = findings.fanova[task]
    error, factor = anova.of(REFERENCE), anova.factors.get(name)
    ax.set_xlabel(label_of(name))
    if factor is None or isinstance(error, Skipped) or name not in error.curves:
        explain(ax, _reason(anova, name))
        return
    scale_axis(ax, "x", factor)
    theirs = paper.curves(task, name) if findings.beside(task) and name in paper.CURVED else None
    shown: list[float] = []
    if theirs and theirs.at:
        band(ax, np.array(theirs.at), theirs.error, theirs.error_std, GREY, "-")
        shown += theirs.error
    curve = error.curves[name]
    band(ax, places_of(factor), curve.mean, curve.std, BLUE, "-")
    shown += curve.mean
    finished, time = anova.of(REFERENCE, "finished"), anova.of(REFERENCE, "time")
    if isinstance(finished, Decomposition):
        alone = finished.curves[name].mean
        ax.plot(places_of(factor), alone, ":", color=BLUE, linewidth=1.5)
        shown += alone
    crop(ax, np.array(shown))
    ax.set_ylabel(merit_of(task, "\n"), color=BLUE)
    if isinstance(time, Decomposition):
        _times(ax.twinx(), factor, time.curves[name], theirs if theirs and theirs.at else None)


def _reason(anova: TaskAnova, name: str) -> str:
    """Return why there is no curve over a hyperparameter."""
    if name in anova.fixed:
        return f"fixed at {anova.fixed[name]}"
    error = anova.of(REFERENCE)
    if isinstance(error, Skipped):
        return error.skipped
    if name in (anova.searches[REFERENCE].some or ()):
        return f"a factor of some trials of {REFERENCE}"
    return f"no factor of {REFERENCE}" if name in anova.factors else "not in this study"


def _times(ax: Axes, factor: Factor, curve: Marginal, theirs: paper.Curves | None) -> None:
    """Draw a curve of the training time; the paper's is divided so that the means are equal."""
    places, mean = places_of(factor), np.array(curve.mean)
    unit, seconds = time_unit(max(curve.mean))
    label = f"training time ({unit})"
    if theirs:
        at, hours = np.array(theirs.at), np.array(theirs.hours)
        both = (at >= places.min()) & (at <= places.max())
        order = np.argsort(places)
        here = np.exp(np.mean(np.interp(at[both], places[order], np.log(mean)[order])))
        times = float(np.exp(np.mean(np.log(3600 * hours[both])))) / here
        scale = 3600 / seconds / times
        band(ax, at, scale * hours, scale * np.array(theirs.hours_std), GREY, "--")
        label += f"\ngrey: the paper's ÷ {float(f'{times:.2g}'):g}"
    band(ax, places, mean / seconds, np.array(curve.std) / seconds, GREEN, "--")
    ax.set_ylim(bottom=0)
    ax.set_ylabel(label, color=GREEN)


def band(ax: Axes, x: Array, mean: ArrayLike, std: ArrayLike, color: str, line: str) -> None:
    """Draw a curve and a band of one standard deviation on both sides."""
    mean, std = np.array(mean), np.array(std)
    ax.plot(x, mean, line, color=color, linewidth=1.5)
    ax.fill_between(x, mean - std, mean + std, color=color, alpha=0.15, linewidth=0)
