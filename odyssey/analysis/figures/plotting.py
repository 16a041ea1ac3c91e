"""What the figures share: one style, titled panels, the lines of variants."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from odyssey.analysis.figures.axes import Array
from odyssey.analysis.figures.mpl import Axes, Figure, own_settings
from odyssey.analysis.findings import REFERENCE
from odyssey.analysis.records import VariantSummary
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
#: Colours and dashes of other variants, in the order of a study: 21 lines that all differ.
OTHER_COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, GREY)
OTHER_DASHES = ("-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))


def lines_of(codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return how the curve of each variant is drawn, vanilla's thicker than the others."""
    others, looks = zip(cycle(OTHER_COLOURS), cycle(OTHER_DASHES), strict=False), {}
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
    _lay_out(figure)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def save_to(figure: Figure, out: IO[bytes]) -> None:
    """Write a figure as SVG, without a date."""
    _lay_out(figure)
    figure.savefig(out, format="svg", metadata={"Date": None})


def _lay_out(figure: Figure) -> None:
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout stands; finding it again takes seconds


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


#: Said in panels that also show the paper's numbers.
GREY_IS_PAPER = "grey: the paper"


def origin(trials: pd.DataFrame) -> str:
    """Return the basis of a figure: number of trials, diverged ones, source of the data."""
    diverged = int((trials.status == "diverged").sum())
    sources = ", ".join(sorted(set(trials.source)))
    return f"{len(trials):,} trials, {diverged:,} diverged · data: {sources}"


def head(ax: Axes, task: str, trials: pd.DataFrame, more: str = "") -> None:
    """Title a panel with the task, the trials behind it, and more words."""
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
    """If a few values are far worse than a ``share`` of them, show this share and say so."""
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
