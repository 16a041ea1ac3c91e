"""How much worse or better than vanilla each variant is."""

from odyssey.analysis.figures.mpl import Figure
from odyssey.analysis.figures.plotting import counted, head, panels
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.words import BLUE, GREY, INK, merit_of


def draw(findings: Findings) -> Figure:
    """Draw differences of the best trials to vanilla's.

    Their bootstrap intervals repeat the choice of the best.
    """
    tasks = findings.tasks
    most = max((len(findings.comparison[task].variants) for task in tasks), default=0)
    figure, axes = panels(tasks, 4.2, max(2.2, 1.17 + 0.27 * most))
    for ax, task in zip(axes, tasks, strict=True):
        head(ax, task, findings.of(task))
        variants = findings.comparison[task].variants
        codes = [code for code in variants if code != REFERENCE]
        ax.axvline(0, color=GREY, linewidth=0.8)
        for place, code in enumerate(codes):
            test = variants[code].top.test
            if test is None:
                ax.text(0, place, "  no test", va="center", color=GREY, fontsize=7)
                continue
            color, width = (BLUE, 2.6) if test.significant else (INK, 1.2)
            ax.plot([test.low, test.high], [place, place], color=color, linewidth=width)
            size = 6 if test.significant else 4
            ax.plot(test.difference, place, "o", color=color, markersize=size)
        labels = counted(variants)
        ax.set_yticks(range(len(codes)), [labels[code] for code in codes])
        ax.set_ylim(max(len(codes), 1) - 0.5, -0.5)
        ax.set_xlabel(f"difference to vanilla, worse to the right\n{merit_of(task)}")
    return figure
