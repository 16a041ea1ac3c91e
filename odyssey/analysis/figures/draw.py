"""All figures by their names: each is a module of this folder with a function ``draw``."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from odyssey.analysis.figures.mpl import Figure
from odyssey.analysis.figures.plotting import save, style
from odyssey.analysis.findings import Findings
from odyssey.runs.products import figure_names


def draw(name: str, findings: Findings) -> Figure:
    """Return a figure by its name, of ``products.figure_names``; ValueError for another."""
    if name not in figure_names(findings.tasks):
        raise ValueError(f"unknown figure {name!r}: use {', '.join(figure_names(findings.tasks))}")
    kind, _, task = name.partition("-")
    drawn: Callable[..., Figure] = import_module(f"odyssey.analysis.figures.{kind}").draw
    with style():
        return drawn(findings, task) if task else drawn(findings)


def plot(name: str, findings: Findings, *paths: Path) -> None:
    """Draw a figure and write it to every path."""
    figure = draw(name, findings)
    with style():
        save(figure, *paths)
