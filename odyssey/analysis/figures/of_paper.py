"""Figures 4 and 5 of the paper, in its layout, the paper's own curves and shares beside ours.

Source: Greff et al., figures 4 and 5. Every panel says how many trials and which data it stands on.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from odyssey import paper
from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import (
    BLUE,
    GREEN,
    GREY,
    GREY_IS_PAPER,
    LABELS,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    SHORT,
    SKY,
    crop,
    explain,
    head,
    merit,
    scale_axis,
    scaled,
)
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.units import time_unit

SLICES: Mapping[str, str] = {
    "learning_rate": BLUE,
    "hidden": ORANGE,
    "noise": GREEN,
    "momentum": RED,
    "nesterov": SKY,
    "clip": PURPLE,
    paper.HIGHER_ORDER: PALE,
}
WORDS = {**SHORT, paper.HIGHER_ORDER: "interactions"}
Array = np.ndarray[Any, np.dtype[np.float64]]


def figure4(findings: Findings) -> Figure:
    """Marginal error and training time of vanilla over learning rate, hidden size and noise."""
    tasks = findings.tasks
    figure = Figure(figsize=(11, 3.1 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), len(paper.CURVED), squeeze=False)
    for row, task in enumerate(tasks):
        rows = findings.of(task)
        more = GREY_IS_PAPER if findings.beside(task) else ""
        head(axes[row, 0], task, rows[rows.variant == REFERENCE], more)
        for column, name in enumerate(paper.CURVED):
            _curves(axes[row, column], findings, task, name)
    return figure


def _curves(ax: Axes, findings: Findings, task: str, name: str) -> None:
    entry = findings.fanova[task]
    search = entry["searches"].get(REFERENCE, {})
    factor = entry["factors"].get(name)
    ax.set_xlabel(LABELS[name])
    if factor is None or "curves" not in search.get("error", {}):
        fixed = f"fixed at {entry['fixed'][name]}" if name in entry["fixed"] else None
        explain(ax, fixed or search.get("error", {}).get("skipped", "not in this study"))
        return
    scale_axis(ax, "x", factor)
    theirs = paper.curves(task, name) if findings.beside(task) else None
    if theirs:
        _band(ax, np.array(theirs.at), theirs.error, theirs.error_std, GREY, "-")
    curve = search["error"]["curves"][name]
    _band(ax, _places(factor), curve["mean"], curve["std"], BLUE, "-")
    shown = [*curve["mean"], *(theirs.error if theirs else ())]
    if "curves" in search["finished"]:
        alone = search["finished"]["curves"][name]["mean"]
        ax.plot(_places(factor), alone, ":", color=BLUE, linewidth=1.5)
        shown += alone
    crop(ax, np.array(shown))
    ax.set_ylabel(merit(task, "\n"), color=BLUE)
    if "curves" in search["time"]:
        _times(ax.twinx(), factor, search["time"]["curves"][name], theirs)


def _times(
    ax: Axes, factor: Mapping[str, Any], curve: Mapping[str, Any], theirs: paper.Curves | None
) -> None:
    """Draw a curve of the training time; the paper's is divided so that both have one mean."""
    places, mean = _places(factor), np.array(curve["mean"])
    unit, seconds = time_unit(max(mean))
    label = f"training time ({unit})"
    if theirs:
        at, hours = np.array(theirs.at), np.array(theirs.hours)
        both = (at >= places.min()) & (at <= places.max())
        order = np.argsort(places)
        here = np.exp(np.mean(np.interp(at[both], places[order], np.log(mean)[order])))
        times = float(np.exp(np.mean(np.log(3600 * hours[both])))) / here
        scale = 3600 / seconds / times
        _band(ax, at, scale * hours, scale * np.array(theirs.hours_std), GREY, "--")
        label += f"\ngrey: the paper's ÷ {float(f'{times:.2g}'):g}"
    _band(ax, places, mean / seconds, np.array(curve["std"]) / seconds, GREEN, "--")
    ax.set_ylim(bottom=0)
    ax.set_ylabel(label, color=GREEN)


def _band(ax: Axes, x: Array, mean: Any, std: Any, color: str, line: str) -> None:
    mean, std = np.array(mean), np.array(std)
    ax.plot(x, mean, line, color=color, linewidth=1.5)
    ax.fill_between(x, mean - std, mean + std, color=color, alpha=0.15, linewidth=0)


def _places(factor: Mapping[str, Any]) -> Array:
    return scaled(factor["at"], factor["scale"]) + (0.5 if factor["scale"] == "levels" else 0)


def figure5(findings: Findings) -> Figure:
    """Share of the variance of the test figure for each hyperparameter, for vanilla."""
    tasks = findings.tasks
    alone = len(tasks) == 1
    size = (6.2, 3.2) if alone else (3.6 * len(tasks), 4.2)
    figure = Figure(figsize=size, layout="constrained")
    for ax, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        rows = findings.of(task)
        head(ax, task, rows[rows.variant == REFERENCE])
        error = findings.fanova[task]["searches"].get(REFERENCE, {}).get("error", {})
        if "effects" in error:
            theirs = paper.shares(task) if findings.beside(task) else {}
            _rings(ax, _shares(error["effects"]), theirs, beside=alone)
        else:
            explain(ax, error.get("skipped", f"no {REFERENCE} in this study"))
    return figure


def _shares(effects: list[dict[str, Any]]) -> dict[str, float]:
    """Return the main effects' mean fractions per tree and what they leave, in order."""
    shares = {e["factors"][0]: e["fraction"] for e in effects if e["kind"] == "main"}
    shares[paper.HIGHER_ORDER] = max(0.0, 1 - sum(shares.values()))
    order = [name for name in SLICES if name in shares]
    return {name: shares[name] for name in order + [n for n in shares if n not in SLICES]}


def _rings(ax: Axes, ours: Mapping[str, float], theirs: Mapping[str, float], beside: bool) -> None:
    """Draw our shares as a pie, or as a ring around the paper's; name them with both numbers."""
    kinds = [(ours, 1.0, 0.45 if theirs else 1.0)] + [(theirs, 0.5, 0.5)] * bool(theirs)
    wedges: list[Any] = []
    for shares, radius, width in kinds:
        drawn = ax.pie(
            [shares.get(name, 0.0) for name in ours],
            colors=[SLICES.get(name, GREY) for name in ours],
            startangle=90,
            counterclock=False,
            wedgeprops={"edgecolor": "white", "linewidth": 1.2, "width": width},
            radius=radius,
        )[0]
        wedges = wedges or list(drawn)
    labels = [f"{WORDS.get(name, name)}  {_percent(ours[name])}" for name in ours]
    title = None
    if theirs:
        title = "ring: here · inside: the paper"
        labels = [
            f"{label} · {_percent(theirs.get(name))}"
            for label, name in zip(labels, ours, strict=True)
        ]
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.02)}
    if beside:
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    ax.legend(wedges, labels, title=title, title_fontsize=8, frameon=False, **place)


def _percent(share: float | None) -> str:
    """Return a share in percent, small ones with two digits behind the point."""
    if share is None:
        return "–"
    return f"{100 * share:.{1 if share >= 0.01 else 2}f} %"
