"""Figures of anybody's trials: shares with intervals, curves, maps, the path to the best."""

from collections.abc import Mapping

import numpy as np

from odyssey.analysis.fanova.of_trials import Importance
from odyssey.analysis.figures.axes import places_of, scale_axis
from odyssey.analysis.figures.figure4 import band
from odyssey.analysis.figures.figure6 import triangle
from odyssey.analysis.figures.mpl import Figure, GridSpec
from odyssey.analysis.figures.plotting import crop, panels
from odyssey.analysis.words import BLUE, GREY, PALE, RED

#: More bars would not be read.
MOST_BARS = 20


def shares(found: Importance) -> Figure:
    """Draw the largest effects: dot and interval the estimate, ring the mean over trees."""
    effects = [e for e in found.effects if e.kind in ("main", "pair")]
    effects.sort(key=lambda effect: -effect.estimate)
    effects = effects[:MOST_BARS]
    figure = Figure(figsize=(8, 0.9 + 0.27 * len(effects)), layout="constrained")
    ax = figure.subplots()
    for place, effect in enumerate(effects):
        if effect.interval:
            ax.plot(effect.interval, [place, place], color=BLUE, linewidth=1.4)
        ax.plot(effect.fraction, place, "o", markerfacecolor="none", color=RED, markersize=5)
        ax.plot(effect.estimate, place, "o", color=BLUE, markersize=5)
    ax.set_yticks(range(len(effects)), [" × ".join(e.factors) for e in effects])
    ax.set_ylim(len(effects) - 0.5, -0.5)
    ax.set_xlim(left=min(0, *(e.estimate for e in effects)) - 0.01)
    ax.grid(axis="x", color=PALE, linewidth=0.6)
    ax.set_xlabel("share of the variance; dot: mean of the forest, ring: mean over its trees")
    return figure


def curves(found: Importance) -> Figure:
    """Draw the marginal over each factor, with a band of one standard deviation over trees."""
    names = list(found.curves)
    figure, axes = panels(names, 3.6, 2.7)
    for ax, name in zip(axes, names, strict=True):
        curve, factor = found.curves[name], found.factors[name]
        scale_axis(ax, "x", factor)
        if factor.scale == "levels":
            ax.errorbar(places_of(factor), curve.mean, curve.std, fmt="o", color=BLUE)
            ax.set_xlim(0, len(factor.at))
            if max(len(str(level)) for level in factor.at) * len(factor.at) > 30:
                ax.tick_params(axis="x", labelrotation=30)
        else:
            band(ax, places_of(factor), curve.mean, curve.std, BLUE, "-")
            crop(ax, np.array(curve.mean))
        ax.set_xlabel(name)
        ax.set_ylabel(found.target)
    return figure


def maps(found: Importance) -> Figure | None:
    """Draw the maps of the pairs that interact most; None where there is no pair."""
    if not found.maps:
        return None
    names = [name for name in found.factors if any(name in m.factors for m in found.maps)]
    order = {name: k for k, name in enumerate(names)}
    drawn = tuple(m if order[m.factors[0]] < order[m.factors[1]] else m.turned for m in found.maps)
    n = len(names) - 1
    figure = Figure(figsize=(12, 6) if n < 6 else (2 * n, n))
    for left, interaction in ((0.07, False), (0.57, True)):
        grid = GridSpec(n, n, figure, left=left, right=left + 0.41, bottom=0.12, top=0.8)
        axes = grid.subplots(sharex="col", sharey="row", squeeze=False)
        colours = triangle(axes, found.factors, drawn, names, interaction)
        there = {(order[m.factors[1]] - 1, order[m.factors[0]]) for m in drawn}
        for row in range(n):
            for column in range(row + 1):
                if (row, column) not in there:
                    axes[row, column].set_visible(False)
        for column in range(n):
            lowest = (
                axes[max(row for row, at in there if at == column), column]
                if any(at == column for _, at in there)
                else None
            )
            if lowest:
                lowest.tick_params(labelbottom=True, axis="x", labelrotation=45)
                lowest.set_xlabel(names[column])
        bar = figure.add_axes((left + 0.2, 0.87, 0.2, 0.025))
        words = "interaction alone" if interaction else "average over the others"
        figure.colorbar(colours, cax=bar, orientation="horizontal", extend="both")
        bar.set_title(f"{found.target}, {words}", fontsize=9)
    return figure


def path(found: Importance) -> Figure | None:
    """Draw the forest's value along the path from the default to the best setting."""
    if not found.path:
        return None
    figure = Figure(figsize=(max(5, 1.1 * len(found.path)), 3), layout="constrained")
    ax = figure.subplots()
    ax.plot([step.value for step in found.path], "o-", color=BLUE)
    labels = ["default", *(step.factor for step in found.path[1:])]
    ax.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    ax.set_ylabel(found.target)
    ax.grid(axis="y", color=PALE, linewidth=0.6)
    ax.tick_params(colors=GREY, labelcolor="black")
    return figure


def figures_of(found: Importance) -> Mapping[str, Figure]:
    """Return the figures of a page by their titles."""
    every = {
        "Shares of the variance": shares(found),
        "Each factor, averaged over the others": curves(found),
        "Pairs of factors": maps(found),
        "From the default to the best setting": path(found),
    }
    return {title: figure for title, figure in every.items() if figure}
