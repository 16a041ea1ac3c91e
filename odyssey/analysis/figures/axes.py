"""Axes that follow the laws of the hyperparameters: linear, logarithmic, levels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.figures.mpl import Axes, Axis, FuncFormatter, LogLocator, NullFormatter
from odyssey.analysis.records import Factor, Level, Scale

Array = NDArray[np.float64]


def scaled(values: Sequence[Level], scale: Scale) -> Array:
    """Return the places of a factor's values on its axis."""
    if scale == "levels":
        return np.arange(len(values), dtype=float)
    numbers: Array = np.array(values, float)
    return np.subtract(1, numbers) if scale == "one-minus-log" else numbers


def places_of(factor: Factor) -> Array:
    """Return the places of the points of a factor's curve on its axis."""
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
