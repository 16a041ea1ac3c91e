"""Figure 3 of the paper: test figures by variant, the paper's own boxes in grey beside ours.

Source: Greff et al., figure 3: boxes span the quartiles, whiskers the whole range, a line is the
median, a red dot the mean; blue and thick is significant; behind them the mean parameters.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from odyssey import paper
from odyssey.analysis.figures.beside import SCOPES, Array
from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import GREY_IS_PAPER, counted, crop, explain, head
from odyssey.analysis.findings import Findings, best, finite
from odyssey.analysis.words import BLUE, GREY, INK, PALE, RED, merit_of

#: Half of the distance between our box and the paper's, and the width of such boxes.
APART, NARROW = 0.2, 0.3
MARKS = ("low", "q1", "median", "q3", "high")


def draw(findings: Findings) -> Figure:
    """Draw the test figures of all trials and of the best by validation.

    Two or three tasks stand side by side, their best below; others one below the other.
    """
    tasks = findings.tasks
    columns = len(tasks) in (2, 3)
    size = (4.8 * len(tasks), 7.2) if columns else (12.5, 4.2 * len(tasks))
    figure = Figure(figsize=size, layout="constrained")
    shape = (2, len(tasks)) if columns else (len(tasks), 2)
    axes = figure.subplots(*shape, squeeze=False)
    for k, task in enumerate(tasks):
        own = axes[:, k] if columns else axes[k]
        more = GREY_IS_PAPER if findings.beside(task) else ""
        head(own[0], task, findings.of(task), more)
        for ax, scope in zip(own, SCOPES, strict=True):
            _panel(ax, findings, task, scope)
    return figure


def _panel(ax: Axes, findings: Findings, task: str, scope: paper.Scope) -> None:
    entry, trials = findings.comparison[task], finite(findings.of(task))
    codes = [code for code in paper.ORDER if code in entry.variants]
    codes += [code for code in entry.variants if code not in codes]
    share = entry.share if scope == "top" else 1.0
    rows = [best(trials[trials.variant == code], share) for code in codes]
    theirs = paper.boxes(task, scope) if findings.beside(task) else {}
    sizes = [own.parameters.mean() if len(own) else 0.0 for own in rows]
    _parameters(ax, sizes, [theirs[code].parameters if code in theirs else 0 for code in codes])
    for place, (code, own) in enumerate(zip(codes, rows, strict=True)):
        significant = entry.variants[code].of(scope).is_significant
        left = place - APART if code in theirs else place
        width = NARROW if code in theirs else 0.55
        _box(ax, left, width, own.test.to_numpy(float), significant)
    _limits(ax, np.concatenate([own.test.to_numpy(float) for own in rows]), theirs)
    if not any(map(len, rows)):
        explain(ax, "no trials yet")
    for place, code in enumerate(codes):
        if code in theirs:
            _papers_box(ax, place + APART, theirs[code])
    labels = counted(entry.variants)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(codes)), [labels[code] for code in codes], **turned)
    ax.set_xlim(-0.6, len(codes) - 0.4)
    title = "all trials" if scope == "all" else f"best {100 * share:g} % by validation"
    ax.set_ylabel("\n".join([title, merit_of(task, "\n")]))


def _limits(ax: Axes, ours: Array, theirs: Mapping[str, paper.Box]) -> None:
    """Give the axis a range that shows both the paper's boxes and ours."""
    marks = [getattr(box, name) for box in theirs.values() for name in MARKS]
    known = np.array([value for value in marks if value is not None])
    if len(known):
        ours = np.concatenate([ours, np.repeat(known, max(1, len(ours) // len(known)))])
        margin = 0.05 * float(np.ptp(ours))
        ax.set_ylim(ours.min() - margin, ours.max() + margin)
    crop(ax, ours)


def _parameters(ax: Axes, ours: list[float], theirs: list[int]) -> None:
    """Draw the mean numbers of parameters behind the boxes, the paper's hatched."""
    back = ax.twinx()
    places = np.arange(len(ours))
    if any(theirs):
        back.bar(places - APART, np.array(ours) / 1e3, width=2 * APART, color=PALE)
        look: dict[str, Any] = {"color": "none", "edgecolor": PALE, "hatch": "////"}
        back.bar(places + APART, np.array(theirs) / 1e3, width=2 * APART, linewidth=0, **look)
    else:
        back.bar(places, np.array(ours) / 1e3, width=0.8, color=PALE)
    back.set_ylabel("parameters, mean (thousands)", color=GREY)
    back.set_ylim(0, 2 * max(*(np.array([*ours, *theirs, 1]) / 1e3), 1e-9))
    ax.set_zorder(back.get_zorder() + 1)
    ax.patch.set_visible(False)


def _box(ax: Axes, place: float, width: float, figures: Array, significant: bool) -> None:
    """Draw a box of the quartiles, whiskers over the whole range, blue and thick if significant."""
    if not len(figures):
        return
    line = {"color": BLUE if significant else INK, "linewidth": 2.2 if significant else 0.9}
    dot = {"marker": "o", "markersize": 3.5, "markerfacecolor": RED, "markeredgecolor": RED}
    ax.boxplot(
        figures,
        positions=[place],
        widths=width,
        whis=(0, 100),
        showmeans=True,
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops=line,
        meanprops=dot,
        manage_ticks=False,
    )


def _papers_box(ax: Axes, place: float, box: paper.Box) -> None:
    """Draw one of the paper's boxes in grey; a value beyond its axis runs beyond ours."""
    top = ax.get_ylim()[1]
    line: dict[str, Any] = {"color": GREY, "linewidth": 2.2 if box.significant else 0.9}
    left, right = place - NARROW / 2, place + NARROW / 2
    low, q1, q3, high = (
        top if value is None else value for value in (box.low, box.q1, box.q3, box.high)
    )
    ax.plot([place, place], [low, q1], **line)
    ax.plot([left, left, right, right, left], [q1, q3, q3, q1, q1], **line)
    ax.plot([place, place], [q3, high], **line)
    for value in (box.low, box.median, box.high):
        if value is not None:
            ax.plot([left, right], [value, value], **line)
    if box.mean is not None:
        ax.plot(place, box.mean, "o", color=GREY, markersize=3.5)
