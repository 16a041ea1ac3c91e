"""Figure 5 of the paper, its own shares inside ours: which hyperparameter matters.

Source: Greff et al., figure 5.
"""

from collections.abc import Mapping
from typing import Any

from odyssey import paper
from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import explain, head, panels
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Decomposition, Skipped
from odyssey.analysis.words import PALE, colours_of, short_of


def draw(findings: Findings) -> Figure:
    """Draw each hyperparameter's share of the variance of the test figure, for vanilla."""
    tasks = findings.tasks
    alone = len(tasks) == 1
    figure, axes = panels(tasks, 6.2 if alone else 3.6, 3.2 if alone else 4.2)
    for ax, task in zip(axes, tasks, strict=True):
        rows = findings.of(task)
        head(ax, task, rows[rows.variant == REFERENCE])
        error = findings.fanova[task].of(REFERENCE)
        if isinstance(error, Skipped):
            explain(ax, error.skipped)
            continue
        theirs = paper.shares(task) if findings.beside(task) else {}
        _rings(ax, _shares(error), theirs, beside=alone)
    return figure


def _shares(error: Decomposition) -> dict[str, float]:
    """Return the main effects' mean fractions per tree and what they leave, in order."""
    mains = {name: effect.fraction for name, effect in error.mains.items()}
    order = [*paper.FACTORS, *paper.SAMPLED]
    shares = {name: mains[name] for name in order if name in mains} | mains
    return {**shares, paper.HIGHER_ORDER: max(0.0, 1 - sum(mains.values()))}


def _rings(ax: Axes, ours: Mapping[str, float], theirs: Mapping[str, float], beside: bool) -> None:
    """Draw our shares as a pie, or as a ring around the paper's; name them with both numbers."""
    kinds = [(ours, 1.0, 0.45 if theirs else 1.0)] + [(theirs, 0.5, 0.5)] * bool(theirs)
    wedges: list[Any] = []
    colours = {**colours_of(ours), paper.HIGHER_ORDER: PALE}
    for shares, radius, width in kinds:
        drawn = ax.pie(
            [shares.get(name, 0.0) for name in ours],
            colors=[colours[name] for name in ours],
            startangle=90,
            counterclock=False,
            wedgeprops={"edgecolor": "white", "linewidth": 1.2, "width": width},
            radius=radius,
        )[0]
        wedges = wedges or list(drawn)
    words = {name: short_of(name) for name in ours} | {paper.HIGHER_ORDER: "interactions"}
    labels = [f"{words[name]}  {_percent(ours[name])}" for name in ours]
    title = None
    if theirs:
        title = "ring: here · inside: the paper"
        labels = [
            f"{label} · {_percent(theirs.get(name))}"
            for label, name in zip(labels, ours, strict=True)
        ]
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
    if beside:
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    ax.legend(wedges, labels, title=title, title_fontsize=8, frameon=False, **place)


def _percent(share: float | None) -> str:
    """Return a share in percent, small ones with two digits behind the point."""
    if share is None:
        return "–"
    return f"{100 * share:.{1 if share >= 0.01 else 2}f} %"
