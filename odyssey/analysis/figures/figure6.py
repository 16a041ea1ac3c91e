"""Figure 6 of the paper: how two hyperparameters act together, in maps.

Source: Greff et al., figure 6.
"""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np

from odyssey.analysis.figures.axes import scale_axis, scaled
from odyssey.analysis.figures.mpl import Figure, GridSpec, Normalize, ScalarMappable
from odyssey.analysis.figures.plotting import explain, head
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Factor, PairMap, Skipped
from odyssey.analysis.words import merit_of, short_of

#: With more maps per row the figure grows.
MOST_ABREAST = 5


def draw(findings: Findings, task: str) -> Figure:
    """Draw pairwise marginals of the error and the interactions alone, for vanilla.

    Both are lower triangles of maps, one per pair of hyperparameters.
    """
    error = findings.fanova[task].of(REFERENCE)
    if isinstance(error, Skipped):
        return _without_maps(findings, task, error.skipped)
    if not error.maps:
        return _without_maps(findings, task, "a pair needs two hyperparameters that are not fixed")
    names = list(dict.fromkeys(name for pair in error.maps for name in pair.factors))
    n = len(names) - 1
    larger = max(1.0, n / MOST_ABREAST)
    figure = Figure(figsize=(12 * larger, 5.9 * larger))
    for left, interaction in ((0.06, False), (0.56, True)):
        # A single map leaves no room above the diagonal.
        place = {"left": left, "right": left + 0.42, "bottom": 0.11, "top": 0.92 - 0.2 * (n == 1)}
        grid = GridSpec(n, n, figure, **place, wspace=0.12, hspace=0.12)
        axes = grid.subplots(sharex="col", sharey="row", squeeze=False)
        colours = triangle(axes, findings.fanova[task].factors, error.maps, names, interaction)
        bar = figure.add_axes((left + 0.22, 0.84, 0.18, 0.025))
        label = merit_of(task, "\n")
        figure.colorbar(colours, cax=bar, orientation="horizontal", extend="both", label=label)
        words = "interaction alone" if interaction else "average over the others"
        figure.text(left + 0.31, 0.89, words, ha="center", weight="bold")
    rows = findings.of(task)
    head(figure.axes[0], task, rows[rows.variant == REFERENCE])
    return figure


def _without_maps(findings: Findings, task: str, reason: str) -> Figure:
    figure = Figure(figsize=(5.2, 3))
    ax = figure.subplots()
    rows = findings.of(task)
    explain(ax, reason)
    head(ax, task, rows[rows.variant == REFERENCE])
    return figure


def triangle(
    axes: Any,
    factors: Mapping[str, Factor],
    maps: tuple[PairMap, ...],
    names: list[str],
    interaction: bool,
) -> ScalarMappable:
    """Draw the maps below the diagonal on one colour scale, cut at its outer two percent."""
    grids = {m.factors: np.array(m.interaction if interaction else m.marginal) for m in maps}
    values = np.concatenate([grid.ravel() for grid in grids.values()])
    low, high = np.quantile(values, [0.02, 0.98])
    if interaction:
        high = max(np.quantile(np.abs(values), 0.98), 1e-12)
        low = -high
    colours = ScalarMappable(Normalize(low, high), "RdBu_r" if interaction else "viridis_r")
    for ax in axes[np.triu_indices(len(names) - 1, 1)]:
        ax.set_axis_off()
    look: dict[str, Any] = {"norm": colours.norm, "cmap": colours.cmap, "rasterized": True}
    for (first, second), grid in grids.items():
        ax = axes[names.index(second) - 1, names.index(first)]
        one, two = factors[first], factors[second]
        ax.pcolormesh(scaled(one.edges, one.scale), scaled(two.edges, two.scale), grid.T, **look)
        scale_axis(ax, "x", one)
        scale_axis(ax, "y", two)
        ax.tick_params(labelsize=7)
        if second == names[-1]:
            for label in ax.get_xticklabels():
                label.set(rotation=45, ha="right", rotation_mode="anchor")
            ax.set_xlabel(short_of(first))
        if first == names[0]:
            ax.set_ylabel(fill(short_of(second), 10 if len(names) > 4 else 20))
    return colours
