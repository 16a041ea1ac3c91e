"""The basin of good learning rates, for every variant."""

import numpy as np

from odyssey.analysis.figures.axes import places_of, scale_axis
from odyssey.analysis.figures.mpl import Figure
from odyssey.analysis.figures.plotting import crop, explain, head, lines_of, panels
from odyssey.analysis.findings import Findings
from odyssey.analysis.records import Decomposition
from odyssey.analysis.words import label_of, merit_of

RATE = "learning_rate"


def draw(findings: Findings) -> Figure:
    """Draw the marginal error over the learning rate."""
    tasks = findings.tasks
    figure, axes = panels(tasks, 4.2, 3.8)
    for ax, task in zip(axes, tasks, strict=True):
        head(ax, task, findings.of(task))
        anova = findings.fanova[task]
        factor, looks = anova.factors.get(RATE), lines_of(anova.searches)
        errors = {code: search.error for code, search in anova.searches.items()}
        curves = {
            code: error.curves[RATE].mean
            for code, error in errors.items()
            if isinstance(error, Decomposition) and RATE in error.curves
        }
        if factor is None or not curves:
            missing = "fixed" if RATE in anova.fixed else "not in this study"
            explain(
                ax, "no search has enough trials" if factor else f"the learning rate is {missing}"
            )
            continue
        for code, mean in curves.items():
            ax.plot(places_of(factor), mean, label=code, **looks[code])
        crop(ax, np.concatenate(list(curves.values())), 0.75)  # one or two may be far off
        scale_axis(ax, "x", factor)
        ax.set_xlabel(label_of(RATE))
        ax.set_ylabel(merit_of(task))
        ax.legend(frameon=False, fontsize=7 if len(curves) < 12 else 6, ncols=2)
    return figure
