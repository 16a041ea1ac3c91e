"""Figures 3 to 5 of the paper, in its layout, for the tasks that are there.

Source: Greff et al., figures 3 to 5. Every panel says how many trials and which data it stands on.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from odyssey.analysis.findings import REFERENCE, Findings, best
from odyssey.analysis.mpl import Axes, Figure
from odyssey.analysis.plotting import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LABELS,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    SHORT,
    SKY,
    counted,
    crop,
    explain,
    head,
    merit,
    scale_axis,
    scaled,
)

CURVED = ("learning_rate", "hidden", "noise")
SLICES: Mapping[str, str] = {
    "learning_rate": BLUE,
    "hidden": ORANGE,
    "noise": GREEN,
    "momentum": RED,
    "nesterov": SKY,
    "clip": PURPLE,
    "interactions": PALE,
}


def figure3(findings: Findings) -> Figure:
    """Test figures of all trials, below of the best 10 percent with parameters; or side by side."""
    tasks = findings.tasks
    alone = len(tasks) == 1
    size = (10.5, 3.8) if alone else (4.2 * len(tasks), 6.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, 2, squeeze=False).T if alone else figure.subplots(2, len(tasks))
    for column, task in enumerate(tasks):
        head(axes[0, column], task, findings.of(task))
        for row, scope in enumerate(("all", "top")):
            _boxes(axes[row, column], findings, task, scope)
    return figure


def _boxes(ax: Axes, findings: Findings, task: str, scope: str) -> None:
    entry, trials = findings.comparison[task], findings.of(task)
    codes = list(entry["variants"])
    share = entry["share"] if scope == "top" else 1.0
    rows = [best(trials[trials.variant == code], share) for code in codes]
    counts = [chosen.parameters.mean() / 1e3 if len(chosen) else 0 for chosen in rows]
    if scope == "top":
        back = ax.twinx()
        back.bar(range(len(codes)), counts, width=0.8, color=PALE, zorder=0)
        back.set_ylabel("parameters, mean (thousands)", color=GREY)
        back.set_ylim(0, 2 * max([*counts, 1e-9]))
        ax.set_zorder(back.get_zorder() + 1)
        ax.patch.set_visible(False)
    for place, (code, chosen) in enumerate(zip(codes, rows, strict=True)):
        against = entry["variants"][code][scope].get("against") or {}
        _box(ax, place, chosen.test.to_numpy(float), bool(against.get("significant")))
    if scope == "all":
        crop(ax, np.concatenate([chosen.test.to_numpy(float) for chosen in rows]))
    ax.set_xticks(range(len(codes)), counted(entry["variants"]).values(), rotation=45)
    title = "all trials" if scope == "all" else f"best {100 * share:g} % by validation"
    ax.set_ylabel("\n".join([title, merit(task, "\n")]))


def _box(ax: Axes, place: int, figures: np.ndarray[Any, Any], significant: bool) -> None:
    """Box of the quartiles, whiskers over the whole range; blue and thick where significant."""
    if not len(figures):
        return
    line = {"color": BLUE if significant else INK, "linewidth": 2.2 if significant else 0.9}
    ax.boxplot(
        figures,
        positions=[place],
        widths=0.55,
        whis=(0, 100),
        showmeans=True,
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops={"color": RED, "linewidth": 1.4},
        meanprops={
            "marker": "o",
            "markersize": 3.5,
            "markerfacecolor": RED,
            "markeredgecolor": RED,
        },
        manage_ticks=False,
    )


def figure4(findings: Findings) -> Figure:
    """Marginal error and training time of vanilla over learning rate, hidden size and noise."""
    tasks = findings.tasks
    figure = Figure(figsize=(11, 3.1 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), len(CURVED), squeeze=False)
    for row, task in enumerate(tasks):
        rows = findings.of(task)
        head(axes[row, 0], task, rows[rows.variant == REFERENCE])
        for column, name in enumerate(CURVED):
            _curves(axes[row, column], findings.fanova[task], task, name)
    return figure


def _curves(ax: Axes, entry: Mapping[str, Any], task: str, name: str) -> None:
    search = entry["searches"].get(REFERENCE, {})
    factor = entry["factors"].get(name)
    ax.set_xlabel(LABELS[name])
    if factor is None or "curves" not in search.get("error", {}):
        fixed = f"fixed at {entry['fixed'][name]}" if name in entry["fixed"] else None
        explain(ax, fixed or search.get("error", {}).get("skipped", "not in this study"))
        return
    scale_axis(ax, "x", factor)
    _band(ax, factor, search["error"]["curves"][name], BLUE, "-")
    means = search["error"]["curves"][name]["mean"]
    if "curves" in search["finished"]:
        alone = search["finished"]["curves"][name]["mean"]
        ax.plot(_places(factor), alone, ":", color=BLUE, linewidth=1.5)
        means = means + alone
    crop(ax, np.array(means))
    ax.set_ylabel(merit(task, "\n"), color=BLUE)
    if "curves" in search["time"]:
        right = ax.twinx()
        curve = search["time"]["curves"][name]
        unit, seconds = time_unit(max(curve["mean"]))
        _band(right, factor, {k: np.array(v) / seconds for k, v in curve.items()}, GREEN, "--")
        right.set_ylabel(f"training time ({unit})", color=GREEN)


def _band(
    ax: Axes, factor: Mapping[str, Any], curve: Mapping[str, Any], color: str, line: str
) -> None:
    x, mean, std = _places(factor), np.array(curve["mean"]), np.array(curve["std"])
    ax.plot(x, mean, line, color=color, linewidth=1.5)
    ax.fill_between(x, mean - std, mean + std, color=color, alpha=0.15, linewidth=0)


def _places(factor: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    return scaled(factor["at"], factor["scale"]) + (0.5 if factor["scale"] == "levels" else 0)


def time_unit(seconds: float) -> tuple[str, float]:
    """Return a unit of time that suits a duration, and its length in seconds."""
    return ("s", 1.0) if seconds < 120 else ("min", 60.0) if seconds < 7200 else ("h", 3600.0)


def figure5(findings: Findings) -> Figure:
    """Share of the variance of the test figure for each hyperparameter, for vanilla."""
    tasks = findings.tasks
    alone = len(tasks) == 1
    size = (6.2, 3.2) if alone else (3.6 * len(tasks), 4.0)
    figure = Figure(figsize=size, layout="constrained")
    for ax, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        rows = findings.of(task)
        head(ax, task, rows[rows.variant == REFERENCE])
        error = findings.fanova[task]["searches"].get(REFERENCE, {}).get("error", {})
        if "effects" in error:
            _pie(ax, error["effects"], beside=alone)
        else:
            explain(ax, error.get("skipped", f"no {REFERENCE} in this study"))
    return figure


def _pie(ax: Axes, effects: list[dict[str, Any]], beside: bool) -> None:
    shares = {e["factors"][0]: e["fraction"] for e in effects if e["kind"] == "main"}
    shares["interactions"] = max(0.0, 1 - sum(shares.values()))
    order = [name for name in SLICES if name in shares]
    order += [name for name in shares if name not in SLICES]
    words = [SHORT.get(name, name) for name in order]
    wedges = ax.pie(
        [shares[name] for name in order],
        colors=[SLICES.get(name, GREY) for name in order],
        startangle=90,
        counterclock=False,
        wedgeprops={"edgecolor": "white", "linewidth": 1.2},
        radius=1.0,
    )[0]
    labels = [
        f"{word}  {100 * shares[name]:.1f} %" for word, name in zip(words, order, strict=True)
    ]
    if beside:
        ax.legend(wedges, labels, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    else:
        ax.legend(wedges, labels, loc="upper center", bbox_to_anchor=(0.5, 0.02), frameon=False)
