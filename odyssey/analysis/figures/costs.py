"""What a result costs, in parameters and in training time."""

import numpy as np
import pandas as pd

from odyssey.analysis.figures.axes import Array, log_ticks
from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import crop, explain, head
from odyssey.analysis.findings import Findings, best, finite
from odyssey.analysis.words import BLUE, FAINT, RED, merit_of
from odyssey.units import time_unit


def draw(findings: Findings) -> Figure:
    """Draw test figures against parameters and time, with the front that no cheaper trial beats."""
    tasks = findings.tasks
    figure = Figure(figsize=(10, 3.4 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), 2, squeeze=False)
    for row, task in enumerate(tasks):
        trials, share = finite(findings.of(task)), findings.comparison[task].share
        head(axes[row, 0], task, findings.of(task))
        unit, seconds = time_unit(float(trials.seconds.median()) if len(trials) else 0.0)
        words = {"parameters": ("parameters", 1.0), "seconds": (f"training time ({unit})", seconds)}
        for ax, (column, (word, scale)) in zip(axes[row], words.items(), strict=True):
            _scatter(ax, trials[column].to_numpy(float) / scale, trials, share)
            ax.set_xlabel(word)
            ax.set_ylabel(merit_of(task))
    return figure


def _scatter(ax: Axes, cost: Array, trials: pd.DataFrame, share: float) -> None:
    trials, cost = trials[cost > 0], cost[cost > 0]  # one that diverged at once has no time
    if trials.empty:
        explain(ax, "no trials yet")
        return
    test = trials.test.to_numpy(float)
    top = trials.index.isin(best(trials, share).index)
    ax.plot(cost[~top], test[~top], ".", color=FAINT, markersize=2.5, rasterized=True)
    label = f"best {100 * share:g} % by validation"
    ax.plot(cost[top], test[top], ".", color=BLUE, markersize=4, label=label)
    order = np.lexsort((test, cost))
    front = order[test[order] <= np.minimum.accumulate(test[order])]
    ax.step(cost[front], test[front], where="post", color=RED, linewidth=1.2, label="front")
    labelled = np.inf
    for k in front[::-1]:
        if cost[k] < labelled / 1.6:
            labelled = cost[k]
            ax.annotate(
                trials.variant.iloc[k],
                (cost[k], test[k]),
                xytext=(0, -10),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
    crop(ax, test)
    ax.set_xscale("log")
    log_ticks(ax.xaxis, cost.max() / cost.min())
    ax.legend(loc="upper left", fontsize=7, framealpha=0.9, edgecolor="none")
