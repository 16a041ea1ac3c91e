"""Figure 6 of the paper: how two hyperparameters act together, in maps.

Source: Greff et al., figure 6.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from odyssey.analysis.figures.mpl import Figure, GridSpec, Normalize, ScalarMappable
from odyssey.analysis.figures.plotting import SHORT, explain, head, merit, scale_axis, scaled
from odyssey.analysis.findings import REFERENCE, Findings


def figure6(findings: Findings, task: str) -> Figure:
    """Pairwise marginals of the error and the interactions alone, for vanilla: lower triangles."""
    entry = findings.fanova[task]
    error = entry["searches"].get(REFERENCE, {}).get("error", {})
    rows = findings.of(task)
    if not error.get("maps"):
        figure = Figure(figsize=(5.2, 3))
        ax = figure.subplots()
        alone = "a pair needs two hyperparameters that are not fixed"
        reason = alone if "effects" in error else f"no {REFERENCE} in this study"
        explain(ax, error.get("skipped", reason))
        head(ax, task, rows[rows.variant == REFERENCE])
        return figure
    names = list(dict.fromkeys(name for pair in error["maps"] for name in pair["factors"]))
    figure = Figure(figsize=(12, 5.9))
    for left, kind in ((0.06, "marginal"), (0.56, "interaction")):
        place = {"left": left, "right": left + 0.42, "bottom": 0.11, "top": 0.92}
        space = {"wspace": 0.12, "hspace": 0.12}
        n = len(names) - 1
        grid = GridSpec(n, n, figure, **place, **space)
        axes = _triangle(
            grid.subplots(sharex="col", sharey="row", squeeze=False), entry, names, kind
        )
        bar = figure.add_axes((left + 0.22, 0.84, 0.18, 0.025))
        label = merit(task, "\n")
        figure.colorbar(axes, cax=bar, orientation="horizontal", extend="both", label=label)
        words = "average over the others" if kind == "marginal" else "interaction alone"
        figure.text(left + 0.31, 0.89, words, ha="center", weight="bold")
    head(figure.axes[0], task, rows[rows.variant == REFERENCE])
    return figure


def _triangle(axes: Any, entry: Mapping[str, Any], names: list[str], kind: str) -> ScalarMappable:
    """Draw the maps below the diagonal on one colour scale, cut at its outer two percent."""
    factors, maps = entry["factors"], entry["searches"][REFERENCE]["error"]["maps"]
    values = np.concatenate([np.ravel(pair[kind]) for pair in maps])
    low, high = np.quantile(values, [0.02, 0.98])
    if kind == "interaction":
        high = max(np.quantile(np.abs(values), 0.98), 1e-12)
        low = -high
    colours = ScalarMappable(
        Normalize(low, high), "RdBu_r" if kind == "interaction" else "viridis_r"
    )
    for ax in axes[np.triu_indices(len(names) - 1, 1)]:
        ax.set_axis_off()
    for pair in maps:
        first, second = pair["factors"]
        row, column = names.index(second) - 1, names.index(first)
        ax = axes[row, column]
        x, y = (scaled(factors[name]["edges"], factors[name]["scale"]) for name in (first, second))
        ax.pcolormesh(
            x, y, np.array(pair[kind]).T, norm=colours.norm, cmap=colours.cmap, rasterized=True
        )
        scale_axis(ax, "x", factors[first])
        scale_axis(ax, "y", factors[second])
        ax.tick_params(labelsize=7)
        if row == len(names) - 2:
            for label in ax.get_xticklabels():
                label.set(rotation=45, ha="right", rotation_mode="anchor")
            ax.set_xlabel(SHORT.get(first, first))
        if column == 0:
            ax.set_ylabel(SHORT.get(second, second))
    return colours
