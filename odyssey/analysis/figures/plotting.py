"""What the figures share: one style, words for hyperparameters, axes by law."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from odyssey.analysis.figures.mpl import (
    Axes,
    Axis,
    Figure,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    own_settings,
)
from odyssey.tasks import TASKS

# Okabe and Ito's colours, told apart with every kind of colour vision.
BLUE, GREEN, RED, ORANGE, SKY, PURPLE = (
    *("#0072B2", "#009E73", "#D55E00", "#E69F00", "#56B4E9", "#CC79A7"),
)
GREY, PALE, INK = "#8A8F98", "#E3E6EA", "#20242A"
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
LABELS: Mapping[str, str] = {
    "hidden": "hidden size (LSTM blocks per layer)",
    "learning_rate": "learning rate",
    "momentum": "momentum",
    "noise": "input noise (standard deviation)",
    "nesterov": "Nesterov momentum",
    "clip": "gradient clipping",
    "variant": "variant",
}
SHORT: Mapping[str, str] = {
    **LABELS,
    "hidden": "hidden size",
    "noise": "input noise",
    "nesterov": "Nesterov",
    "clip": "clipping",
}


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


#: What is said where the paper's numbers stand beside ours.
GREY_IS_PAPER = "grey: the paper"


def origin(trials: pd.DataFrame) -> str:
    """Return what a figure stands on: trials, diverged ones, source of the data."""
    diverged = int((trials.status == "diverged").sum())
    sources = ", ".join(sorted(set(trials.source)))
    return f"{len(trials):,} trials, {diverged:,} diverged · data: {sources}"


def head(ax: Axes, task: str, trials: pd.DataFrame, more: str = "") -> None:
    """Title a panel with the task, what it stands on, and more words."""
    ax.set_title(TASKS[task].title, loc="left", pad=18)
    ax.text(0, 1.02, origin(trials), transform=ax.transAxes, fontsize=7, color=GREY, va="bottom")
    above: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "baseline"}
    ax.annotate(more, (1, 1), (0, 18), xycoords="axes fraction", fontsize=7, color=GREY, **above)


def merit(task: str, between: str = " ") -> str:
    """Return the axis label of a task's figure of merit: words, ``between``, unit in brackets."""
    return f"{TASKS[task].merit}{between}({TASKS[task].unit})"


def counted(variants: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return code → label of variants, with the number of trials where a search has fewer."""
    most = max((row["trials"] for row in variants.values()), default=0)
    return {
        code: f"{code} ({row['trials']})" if row["trials"] < most else code
        for code, row in variants.items()
    }


def explain(ax: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY, wrap=True)
    ax.set_xticks([])
    ax.set_yticks([])


def crop(ax: Axes, values: np.ndarray[Any, Any], share: float = 0.9) -> None:
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


def scaled(values: Iterable[Any], scale: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return where values of a factor stand on its axis."""
    if scale == "levels":
        return np.arange(len(list(values)), dtype=float)
    numbers: np.ndarray[Any, np.dtype[np.float64]] = np.array(list(values), float)
    if scale == "one-minus-log":
        numbers = 1 - numbers
    return numbers


def scale_axis(ax: Axes, side: str, factor: Mapping[str, Any]) -> None:
    """Give axis ``side`` (x or y) the scale of a factor's law; momentum runs as 1 − momentum."""
    axis: Axis = ax.xaxis if side == "x" else ax.yaxis
    if factor["scale"] == "levels":
        places = [k + 0.5 for k in range(len(factor["at"]))]
        axis.set_ticks(places, [str(level) for level in factor["at"]])
        return
    edges = sorted(scaled([factor["edges"][0], factor["edges"][-1]], factor["scale"]))
    if factor["scale"] != "linear":
        ax.set(**{f"{side}scale": "log"})
        log_ticks(axis, edges[1] / edges[0])
    if factor["scale"] == "one-minus-log":
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
