"""What the figures share: one style, panels, axes by law."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from odyssey.analysis.figures.mpl import (
    Axes,
    Axis,
    Figure,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    own_settings,
)
from odyssey.analysis.findings import REFERENCE
from odyssey.analysis.records import Factor, Level, Scale, VariantSummary
from odyssey.analysis.words import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    title_of,
)

Array = NDArray[np.float64]
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "svg.hashsalt": "odyssey",
    "savefig.dpi": 160,
}
#: Colour and line of every variant of the paper: hue and dash both tell them apart.
LINES: Mapping[str, tuple[str, str]] = {
    "V": (INK, "-"),
    "NIG": (BLUE, "-"),
    "NFG": (RED, "-"),
    "NOG": (GREEN, "-"),
    "NIAF": (SKY, "--"),
    "NOAF": (ORANGE, "--"),
    "CIFG": (PURPLE, "-"),
    "NP": (BLUE, ":"),
    "FGR": (GREEN, ":"),
}
#: Lines of other variants, in the order of a study: none is one of the paper's.
OTHER_LINES = tuple(
    (colour, dash)
    for dash in ("-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
    for colour in (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, GREY)
)


def lines_of(codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return how the curve of each variant is drawn, vanilla's thicker than the others."""
    others, looks = cycle(OTHER_LINES), {}
    for code in codes:
        color, dash = LINES.get(code) or next(others)
        width = 2.2 if code == REFERENCE else 1.2
        looks[code] = {"color": color, "linestyle": dash, "linewidth": width}
    return looks


def style() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and saved."""
    return own_settings(STYLE)


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure to every path, in the format of its suffix, without a date."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout stands; finding it again takes seconds
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


#: Panels side by side: more would make the words in them too small.
MOST_ABREAST = 3


def abreast(panels: int) -> int:
    """Return how many panels stand side by side: at most three, and four as two by two."""
    return 2 if panels == 4 else min(panels, MOST_ABREAST)


def panels(tasks: Sequence[str], width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with one panel of this size in inches per task."""
    columns = abreast(len(tasks)) or 1
    rows = max(1, -(-len(tasks) // columns))
    figure = Figure(figsize=(max(5.2, width * columns), height * rows), layout="constrained")
    grid = [ax for row in figure.subplots(rows, columns, squeeze=False) for ax in row]
    for ax in grid[len(tasks) :]:
        ax.set_axis_off()
    return figure, grid[: len(tasks)]


#: What is said where the paper's numbers stand beside ours.
GREY_IS_PAPER = "grey: the paper"


def origin(trials: pd.DataFrame) -> str:
    """Return what a figure stands on: trials, diverged ones, source of the data."""
    diverged = int((trials.status == "diverged").sum())
    sources = ", ".join(sorted(set(trials.source)))
    return f"{len(trials):,} trials, {diverged:,} diverged · data: {sources}"


def head(ax: Axes, task: str, trials: pd.DataFrame, more: str = "") -> None:
    """Title a panel with the task, what it stands on, and more words."""
    ax.set_title(title_of(task), loc="left", pad=18)
    ax.text(0, 1.02, origin(trials), transform=ax.transAxes, fontsize=7, color=GREY, va="bottom")
    above: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "baseline"}
    ax.annotate(more, (1, 1), (0, 18), xycoords="axes fraction", fontsize=7, color=GREY, **above)


def counted(variants: Mapping[str, VariantSummary]) -> dict[str, str]:
    """Return code → label of variants, with the number of trials where a search has fewer."""
    most = max((own.trials for own in variants.values()), default=0)
    return {
        code: f"{code} ({own.trials})" if own.trials < most else code
        for code, own in variants.items()
    }


def explain(ax: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY, wrap=True)
    ax.set_xticks([])
    ax.set_yticks([])


def crop(ax: Axes, values: Array, share: float = 0.9) -> None:
    """Where a few values are far worse than a large share of them, show these and say so."""
    if not len(values):
        return
    low, most, high = np.quantile(values, [0, share, 1])
    if high - low > 3 * (most - low) > 0:
        ax.set_ylim(low - 0.05 * (most - low), most + 0.25 * (most - low))
        words: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": 7, "color": GREY}
        ax.text(
            1,
            1.02,
            f"runs up to {high:,.3g}" if high < 100 else f"runs up to {high:,.0f}",
            transform=ax.transAxes,
            **words,
        )


def scaled(values: Sequence[Level], scale: Scale) -> Array:
    """Return where values of a factor stand on its axis."""
    if scale == "levels":
        return np.arange(len(values), dtype=float)
    numbers: Array = np.array(values, float)
    return np.subtract(1, numbers) if scale == "one-minus-log" else numbers


def places_of(factor: Factor) -> Array:
    """Return where the points of a factor's curve stand on its axis."""
    return scaled(factor.at, factor.scale) + (0.5 if factor.scale == "levels" else 0)


def scale_axis(ax: Axes, side: str, factor: Factor) -> None:
    """Give axis ``side`` (x or y) the scale of a factor's law; momentum runs as 1 − momentum."""
    axis: Axis = ax.xaxis if side == "x" else ax.yaxis
    if factor.scale == "levels":
        places = [k + 0.5 for k in range(len(factor.at))]
        axis.set_ticks(places, [str(level) for level in factor.at])
        return
    edges = sorted(scaled((factor.edges[0], factor.edges[-1]), factor.scale))
    if factor.scale != "linear":
        ax.set(**{f"{side}scale": "log"})
        log_ticks(axis, edges[1] / edges[0])
    if factor.scale == "one-minus-log":
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{1 - value:.4g}"))
        edges.reverse()
    ax.set(**{f"{side}lim": edges})


def log_ticks(axis: Axis, ratio: float) -> None:
    """Label 1, 2, 5 on an axis that spans a ratio below 50, powers of ten beyond."""
    narrow = ratio < 50
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=5))
    axis.set_minor_formatter(NullFormatter())
    if narrow:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
