"""How many trials are needed: the expected best of k trials."""

import numpy as np

from odyssey.analysis.figures.axes import log_ticks
from odyssey.analysis.figures.mpl import Figure
from odyssey.analysis.figures.plotting import crop, explain, head, lines_of, panels
from odyssey.analysis.findings import Findings
from odyssey.analysis.words import merit_of


def draw(findings: Findings) -> Figure:
    """Draw the expected test figure of the best of k trials."""
    tasks = findings.tasks
    figure, axes = panels(tasks, 4.2, 3.8)
    for ax, task in zip(axes, tasks, strict=True):
        head(ax, task, findings.of(task))
        variants = findings.comparison[task].variants
        looks = lines_of(variants)
        means = {code: own.best_of_k.mean for code, own in variants.items() if own.best_of_k.mean}
        if not means:
            explain(ax, "no trials yet")
            continue
        for code, mean in means.items():
            ax.plot(np.arange(1, len(mean) + 1), mean, label=code, **looks[code])
        crop(ax, np.concatenate(list(means.values())))
        ax.set_xscale("log")
        ax.set_xlim(1, max(2, *map(len, means.values())))
        log_ticks(ax.xaxis, 1)  # whole numbers, however many
        ax.set_xlabel("trials k")
        ax.set_ylabel(f"best of k trials\n{merit_of(task)}")
        ax.legend(frameon=False, fontsize=8 if len(means) < 12 else 6, ncols=2)
    return figure
