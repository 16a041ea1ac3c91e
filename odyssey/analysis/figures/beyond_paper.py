"""Figures beside the paper's: intervals, how many trials one needs, basins, shares, costs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from odyssey.analysis.figures.mpl import Axes, Figure
from odyssey.analysis.figures.plotting import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LABELS,
    LINES,
    PALE,
    RED,
    SHORT,
    counted,
    crop,
    explain,
    head,
    log_ticks,
    merit,
    scale_axis,
    scaled,
)
from odyssey.analysis.findings import REFERENCE, Findings, best, finite
from odyssey.units import time_unit

DOT: Mapping[str, Any] = {"marker": "o", "color": BLUE, "markersize": 4, "linestyle": ""}
RING: Mapping[str, Any] = {**DOT, "markerfacecolor": "none", "markeredgecolor": RED}
TICK: Mapping[str, Any] = {**DOT, "marker": "|", "color": GREEN, "markersize": 9}


def _panels(figure: Figure, findings: Findings) -> Iterator[tuple[Axes, str]]:
    """Yield one titled panel a task."""
    tasks = findings.tasks
    for ax, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        head(ax, task, findings.of(task))
        yield ax, task


def _wide(findings: Findings, height: float) -> Figure:
    return Figure(figsize=(max(5.2, 4.2 * len(findings.tasks)), height), layout="constrained")


def _line(code: str) -> dict[str, Any]:
    color, dash = LINES.get(code, (GREY, "-."))
    return {"color": color, "linestyle": dash, "linewidth": 2.2 if code == REFERENCE else 1.2}


def differences(findings: Findings) -> Figure:
    """Difference of the best trials to vanilla, with bootstrap intervals that repeat the choice."""
    figure = _wide(findings, 3.6)
    for ax, task in _panels(figure, findings):
        variants = findings.comparison[task]["variants"]
        codes = [code for code in variants if code != REFERENCE]
        ax.axvline(0, color=GREY, linewidth=0.8)
        for place, code in enumerate(codes):
            against = variants[code]["top"].get("against") or {}
            if "difference" not in against:
                ax.text(0, place, "  no test", va="center", color=GREY, fontsize=7)
                continue
            strong = against["significant"]
            color, width = (BLUE, 2.6) if strong else (INK, 1.2)
            ax.plot([against["low"], against["high"]], [place, place], color=color, linewidth=width)
            ax.plot(against["difference"], place, "o", color=color, markersize=6 if strong else 4)
        labels = counted(variants)
        ax.set_yticks(range(len(codes)), [labels[code] for code in codes])
        ax.set_ylim(len(codes) - 0.5, -0.5)
        ax.set_xlabel(f"difference to vanilla, worse to the right\n{merit(task)}")
    return figure


def best_of_k(findings: Findings) -> Figure:
    """Expected test figure of the best of k trials: how many trials does one need?"""
    figure = _wide(findings, 3.8)
    for ax, task in _panels(figure, findings):
        for code, variant in findings.comparison[task]["variants"].items():
            means = variant["best_of_k"]["mean"]
            if means:
                ax.plot(np.arange(1, len(means) + 1), means, label=code, **_line(code))
        means = [v["best_of_k"]["mean"] for v in findings.comparison[task]["variants"].values()]
        if not any(means):
            explain(ax, "no trials yet")
            continue
        crop(ax, np.concatenate(means))
        ax.set_xscale("log")
        ax.set_xlim(1, max(2, *map(len, means)))
        log_ticks(ax.xaxis, 1)  # whole numbers, however many
        ax.set_xlabel("trials k")
        ax.set_ylabel(f"best of k trials\n{merit(task)}")
        ax.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def costs(findings: Findings) -> Figure:
    """Test figure against parameters and training time, with the front of what none beats."""
    tasks = findings.tasks
    figure = Figure(figsize=(10, 3.4 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), 2, squeeze=False)
    for row, task in enumerate(tasks):
        trials, share = finite(findings.of(task)), findings.comparison[task]["share"]
        head(axes[row, 0], task, findings.of(task))
        unit, seconds = time_unit(float(trials.seconds.median()) if len(trials) else 0.0)
        words = {"parameters": ("parameters", 1.0), "seconds": (f"training time ({unit})", seconds)}
        for ax, (column, (word, scale)) in zip(axes[row], words.items(), strict=True):
            _scatter(ax, trials[column].to_numpy(float) / scale, trials, share)
            ax.set_xlabel(word)
            ax.set_ylabel(merit(task))
    return figure


def _scatter(ax: Axes, cost: np.ndarray[Any, Any], trials: Any, share: float) -> None:
    trials, cost = trials[cost > 0], cost[cost > 0]  # one that diverged at once has no time
    if trials.empty:
        explain(ax, "no trials yet")
        return
    test = trials.test.to_numpy(float)
    top = trials.index.isin(best(trials, share).index)
    ax.plot(cost[~top], test[~top], ".", color="#C5CAD1", markersize=2.5, rasterized=True)
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


def shares(findings: Findings) -> Figure:
    """Share of the error's variance for every variant: estimate with interval, and as the paper."""
    tasks = findings.tasks
    names = ("learning_rate", "hidden", "noise", "momentum")
    figure = Figure(figsize=(11, 2.9 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), len(names) + 1, squeeze=False, sharey="row")
    for row, task in enumerate(tasks):
        head(axes[row, 0], task, findings.of(task))
        searches = findings.fanova[task]["searches"]
        for ax, name in zip(axes[row], (*names, None), strict=True):
            for place, search in enumerate(searches.values()):
                _share(ax, place, search, name)
            ax.set_yticks(range(len(searches)), list(searches))
            ax.set_xlim(-0.02, 1.02)
            ax.set_xticks([0, 0.5, 1])
            ax.set_xlabel(SHORT[name] if name else "interactions")
            if name in findings.fanova[task]["fixed"]:
                ax.text(0.5, 0.5, "fixed", transform=ax.transAxes, ha="center", color=GREY)
            ax.grid(axis="x", color=PALE, linewidth=0.6)
        axes[row, 0].set_ylim(len(searches) - 0.5, -0.5)
    axes[0, -1].plot([], [], **DOT, label="estimate")
    axes[0, -1].plot([], [], **RING, label="as in the paper")
    axes[0, -1].plot([], [], **TICK, label="estimate, finished\ntrials alone")
    axes[0, -1].legend(loc="center right", fontsize=7, frameon=False)
    return figure


def _share(ax: Axes, place: int, search: Mapping[str, Any], name: str | None) -> None:
    """Mark the estimates (dot, with interval; tick) and the mean fraction per tree (ring)."""
    mains, finished = (_mains(search[target], name) for target in ("error", "finished"))
    if not mains:
        return
    if name and "low" in mains[0]:
        ax.plot([mains[0]["low"], mains[0]["high"]], [place, place], color=BLUE, linewidth=1.2)
    if finished:
        ax.plot(_sum(finished, "estimate", name), place, **TICK)
    ax.plot(_sum(mains, "fraction", name), place, **RING)
    ax.plot(_sum(mains, "estimate", name), place, **DOT)


def _mains(result: Mapping[str, Any], name: str | None) -> list[dict[str, Any]]:
    effects = result.get("effects", [])
    return [e for e in effects if e["kind"] == "main" and name in (None, *e["factors"])]


def _sum(mains: list[dict[str, Any]], key: str, name: str | None) -> float:
    """Return a factor's share; of no ``name`` what the main effects leave, the interactions."""
    share: float = sum(effect[key] for effect in mains)
    return share if name else 1 - share


def basins(findings: Findings) -> Figure:
    """Marginal error over the learning rate, for every variant: the basin of good rates."""
    figure = _wide(findings, 3.8)
    for ax, task in _panels(figure, findings):
        entry = findings.fanova[task]
        factor = entry["factors"].get("learning_rate")
        found = {
            c: s["error"]["curves"] for c, s in entry["searches"].items() if "curves" in s["error"]
        }
        if factor is None or not found:
            explain(ax, "no search has enough trials" if factor else "the learning rate is fixed")
            continue
        for code, curves in found.items():
            x = scaled(factor["at"], factor["scale"])
            ax.plot(x, curves["learning_rate"]["mean"], label=code, **_line(code))
        means = [curves["learning_rate"]["mean"] for curves in found.values()]
        crop(ax, np.concatenate(means), 0.75)  # one or two variants may be far off everywhere
        scale_axis(ax, "x", factor)
        ax.set_xlabel(LABELS["learning_rate"])
        ax.set_ylabel(merit(task))
        ax.legend(frameon=False, fontsize=7, ncols=2)
    return figure


FIGURES: Mapping[str, Callable[[Findings], Figure]] = {
    "differences": differences,
    "trials": best_of_k,
    "basins": basins,
    "shares": shares,
    "costs": costs,
}
