"""All figures by their names: the paper's, in its layout, and those beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from odyssey.analysis.figures import beyond_paper
from odyssey.analysis.figures.boxes import figure3
from odyssey.analysis.figures.maps import figure6
from odyssey.analysis.figures.mpl import Figure
from odyssey.analysis.figures.of_paper import figure4, figure5
from odyssey.analysis.figures.plotting import save, style
from odyssey.analysis.findings import Findings

FIGURES: Mapping[str, Callable[[Findings], Figure]] = {
    "figure3": figure3,
    "figure4": figure4,
    "figure5": figure5,
    **beyond_paper.FIGURES,
}
PER_TASK: Mapping[str, Callable[[Findings, str], Figure]] = {"figure6": figure6}


def draw(name: str, findings: Findings) -> Figure:
    """Return a figure by its name, of ``figure_names``; ValueError for another."""
    kind, _, task = name.partition("-")
    if name not in figure_names(findings.tasks):
        raise ValueError(f"unknown figure {name!r}: use {', '.join(figure_names(findings.tasks))}")
    with style():
        return PER_TASK[kind](findings, task) if task else FIGURES[kind](findings)


def figure_names(tasks: list[str]) -> list[str]:
    """Return the names of all figures of a study."""
    return [*FIGURES, *(f"{kind}-{task}" for kind in PER_TASK for task in tasks)]


def plot(name: str, findings: Findings, *paths: Path) -> None:
    """Draw a figure and write it to every path."""
    figure = draw(name, findings)
    with style():
        save(figure, *paths)
