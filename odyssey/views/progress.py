"""Progress and result files as tables for the terminal."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from odyssey.runs.progress import STATES, Progress, counts, outlook, survey
from odyssey.runs.results import BLOCK, CURVES, TRIAL, check_format
from odyssey.storage.tree_file import load_tree
from odyssey.study.study import Study
from odyssey.tasks import TASKS
from odyssey.units import duration

#: Rows of the table of running trials.
_MOST_RUNNING = 20
#: Lines beside the rows of the tables: summary, heads, rules, the line "and so many more".
_AROUND = 13
#: Characters of the bar.
_BAR = 24
_BLOCKS = "▁▂▃▄▅▆▇█"


def status_view(study: Study, lines: int | None = None) -> RenderableType:
    """Return how far the study is and when it will be done, its searches and its running trials.

    ``lines`` is the height of a terminal: where the table of all searches does not fit, there is
    one row for each task, and as many running trials as there is room for.
    """
    trials = list(survey(study))
    rows = counts(trials)
    if lines is not None and len(rows) > lines - _AROUND:
        rows = _by_task(rows)
    room = _MOST_RUNNING if lines is None else max(1, lines - _AROUND - len(rows))
    return Group(_summary(trials), _searches(rows), _running(trials, min(room, _MOST_RUNNING)))


def _searches(rows: Mapping[tuple[str, str], Counter[str]]) -> Table:
    table = Table("task", "variant", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for state in (*STATES, "done"):
        table.add_column(state, justify="right", no_wrap=True)
    for (task, variant), number in rows.items():
        cells = [str(number[state] or "·") for state in STATES]
        done = _ended(number) / number.total()
        table.add_row(task, variant, *cells, f"{done:.0%}")
    return table


def _by_task(rows: Mapping[tuple[str, str], Counter[str]]) -> dict[tuple[str, str], Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for (task, _), number in rows.items():
        found[task] = found.get(task, Counter()) + number
    searches = Counter(task for task, _ in rows)
    return {(task, f"all {searches[task]}"): number for task, number in found.items()}


def _ended(number: Counter[str]) -> int:
    return number["finished"] + number["diverged"]


def print_failures(study: Study) -> None:
    """Print the table of failed trials, if there are any."""
    table = failure_table(study)
    if isinstance(table, Table):
        Console(stderr=True).print(table)


def failure_table(study: Study) -> Table | Text:
    """Return the failed trials: task, variant, trial, reason with its log file."""
    table = Table("task", "variant", "trial", "reason", box=box.SIMPLE_HEAD)
    for trial in survey(study):
        if trial.state == "failed":
            table.add_row(trial.task, trial.variant, str(trial.trial), trial.reason)
    return table if table.row_count else Text("No trial has failed.")


def _running(trials: list[Progress], most: int) -> RenderableType:
    table = Table("running", "epoch", "last checkpoint", box=box.SIMPLE_HEAD)
    running = [trial for trial in trials if trial.state == "running"]
    for trial in running[:most]:
        age = f"{trial.age:.0f} s ago" if trial.epoch or trial.age else "none yet"
        table.add_row(f"{trial.task}/{trial.variant}/{trial.trial}", str(trial.epoch), age)
    if len(running) > most:
        table.caption = f"and {len(running) - most} more"
    if running:
        return table
    if all(trial.ended for trial in trials):
        return Text("Nothing is running.")
    return Text("Nothing is running. To go on, give the command that started the study again.")


def _summary(trials: list[Progress]) -> Text:
    """Return how much is done, when the rest will be, and what needs a look."""
    ended = sum(1 for trial in trials if trial.ended)
    state = Counter(trial.state for trial in trials)
    filled = round(_BAR * ended / len(trials))
    text = Text.assemble(
        ("█" * filled, "green"),
        ("░" * (_BAR - filled), "dim"),
        f" {ended / len(trials):.0%}: {ended:,} of {len(trials):,} trials are done.",
    )
    if (left := _left(trials)) and ended < len(trials):
        text.append(left)
    if state["failed"]:
        text.append(f"\n{state['failed']:,} failed: odyssey status --failures says why.", "red")
    return text


def _left(trials: list[Progress]) -> str:
    view = outlook(trials)
    if not view.trials_per_hour:
        return ""
    seconds = 3600 * view.hours_left
    text = f"\n{view.trials_per_hour:,.0f} an hour lately: about {duration(seconds)} left"
    if not any(trial.state == "running" for trial in trials):
        return f"{text} once it goes on."
    at = datetime.now() + timedelta(seconds=seconds)
    return f"{text}, done on {at:%a %d %b at %H:%M}."


def file_view(path: Path) -> RenderableType:
    """Return a trial's or a block's file on one screen; DamagedFile if it is neither."""
    tree = load_tree(path)
    check_format(path, tree, BLOCK if tree.get("format") == BLOCK else TRIAL)
    if tree["format"] == BLOCK:
        table = Table("trial", "status", "epochs", "best", "valid", "test", box=box.SIMPLE_HEAD)
        for trial in tree["trials"].values():
            table.add_row(str(trial["trial"]), trial["status"], *_figures(trial))
        return table
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _facts(tree):
        table.add_row(name, str(value))
    return table


def _facts(tree: dict[str, Any]) -> list[tuple[str, object]]:
    task = TASKS.get(tree["task"])  # an extension's is not known here
    epochs, best, valid, test = _figures(tree)
    state = tree.get("state")
    facts: list[tuple[str, object]] = [
        ("trial", f"{tree['task']}/{tree['variant']}/{tree['trial']} ({tree['status']})"),
        *((n, v if isinstance(v, str) else f"{v:g}") for n, v in tree["hyperparameters"].items()),
        ("parameters", f"{tree['parameters']:,}"),
        ("data", tree["data"]["source"]),
        ("epochs", epochs),
        ("best epoch", best),
        *([("figure of merit", f"{task.merit}, {task.unit}")] if task else []),
        ("at the best epoch", f"valid {valid}, test {test}"),
        *((f"{name} curve", _sparkline(tree["curves"][name])) for name in CURVES[:3]),
        ("seconds", f"{np.sum(tree['curves']['seconds']):.1f}"),
        ("host, kernels", f"{tree['host']}, {tree['kernels']}"),
        ("written", f"{tree['finished']} by odyssey {tree['package_version']}"),
    ]
    if state and tree["status"] == "running":
        facts.append(("in flight", f"sequence {state['position']} of epoch {int(epochs) + 1}"))
    elif state:
        facts.append(("with more epochs", f"goes on from epoch {epochs}"))
    if tree["diverged_epoch"]:
        facts.append(("diverged", f"in epoch {tree['diverged_epoch']}"))
    return facts


def _figures(trial: dict[str, Any]) -> tuple[str, str, str, str]:
    curves, best, untrained = trial["curves"], trial["best_epoch"], trial.get("untrained")
    valid, test = (
        f"{curves[name][best - 1]:.3f}"
        if best
        else f"{untrained[name]:.3f}"
        if untrained
        else "none"
        for name in ("valid", "test")
    )
    return str(len(curves["valid"])), str(best), valid, test


def _sparkline(values: Any, width: int = 36) -> str:
    """Draw a curve in one line of blocks, with its ends in numbers."""
    if not len(values):
        return "none yet"
    picked = np.asarray(values)[
        np.linspace(0, len(values) - 1, min(width, len(values))).astype(int)
    ]
    low, high = float(picked.min()), float(picked.max())
    steps = (picked - low) / (high - low) if high > low else np.zeros(len(picked))
    line = "".join(_BLOCKS[round(step * (len(_BLOCKS) - 1))] for step in steps)
    return f"{float(values[0]):.3f} {line} {float(values[-1]):.3f}"
