"""What the paper reports: its figures 3, 4 and 5 and its text, as numbers. Standard library only.

Source: Greff et al., "LSTM: A Search Space Odyssey", arXiv 1503.04069 v2. README.md in this folder
says how the tables were read off. Figures of merit are those of ``odyssey.tasks``: percent, on JSB
nats per frame.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from odyssey.study.search import Law, LogUniform, OneMinusLogUniform, Uniform
from odyssey.tasks import PAPER_TASKS, Reported, get_task

Scope = Literal["all", "top"]

#: The variants in the order of figure 3.
ORDER = ("V", "CIFG", "FGR", "NP", "NOG", "NIAF", "NIG", "NFG", "NOAF")
#: Trials of every search, and the share of them that counts as the best.
TRIALS, TOP = 200, 0.1
#: Laws of the hyperparameters that every task samples (section IV-D).
SPACE: Mapping[str, Law] = {
    "hidden": LogUniform(20, 200, integer=True),
    "learning_rate": LogUniform(1e-6, 1e-2),
    "momentum": OneMinusLogUniform(0.01, 1),
    "noise": Uniform(0, 1),
}
#: Switches that were sampled on TIMIT besides; other tasks have no such hyperparameter.
SAMPLED = ("nesterov", "clip")
#: Hyperparameters that figure 5 has a slice for; the rest of the variance is ``HIGHER_ORDER``.
FACTORS = ("learning_rate", "hidden", "noise", "momentum")
HIGHER_ORDER = "higher_order"
#: Hyperparameters of figure 4.
CURVED = ("learning_rate", "hidden", "noise")
#: All 5,400 runs, of 24.3 hours on average, on one core of a 2.5 GHz Opteron each (section IV-D).
CORE_HOURS = 131_220


@dataclass(frozen=True)
class Best:
    """A test figure and the variant that reached it."""

    test: float
    variant: str


_REPORTED: Mapping[str, Reported] = {
    name: reported for name in PAPER_TASKS if (reported := get_task(name).reported)
}
#: Footnote 7: the test figure of the trial that is best on validation.
BEST_BY_VALIDATION: Mapping[str, Best] = {
    task: Best(row.test, row.variant) for task, row in _REPORTED.items()
}
#: The paper's tasks.
TASKS = tuple(_REPORTED)
#: The best before the paper, as it names it.
BEFORE: Mapping[str, str] = {task: row.before for task, row in _REPORTED.items()}
#: Test figures on JSB Chorales of others, nats per frame.
JSB_ELSEWHERE: Mapping[str, float] = _REPORTED["jsb"].elsewhere


@dataclass(frozen=True)
class Box:
    """A box of figure 3; whiskers ``low`` and ``high`` span all trials, None is off the axis.

    ``parameters`` is the mean number of parameters, ``significant`` the difference to vanilla.
    """

    mean: float | None
    median: float | None
    q1: float | None
    q3: float | None
    low: float | None
    high: float | None
    parameters: int
    significant: bool


@dataclass(frozen=True)
class Curves:
    """Vanilla's marginals over one hyperparameter, at the values ``at``, with bands over trees.

    ``hours`` are geometric means on the paper's machines.
    """

    at: tuple[float, ...]
    error: tuple[float, ...]
    error_std: tuple[float, ...]
    hours: tuple[float, ...]
    hours_std: tuple[float, ...]


def boxes(task: str, scope: Scope) -> dict[str, Box]:
    """Return the boxes of all or the best trials of a task, by variant in the paper's order."""
    return {
        row["variant"]: _box(row)
        for row in _rows("figure3")
        if (row["task"], row["trials"]) == (task, scope)
    }


def curves(task: str, factor: str) -> Curves:
    """Return vanilla's curves over one of ``CURVED``."""
    rows = [row for row in _rows("figure4") if (row["task"], row["factor"]) == (task, factor)]
    columns = ("value", "error", "error_std", "hours", "hours_std")
    return Curves(*(tuple(float(row[name]) for row in rows) for name in columns))


def shares(task: str) -> dict[str, float]:
    """Return the shares of the variance of vanilla's error in [0, 1]: ``FACTORS``, the rest."""
    (row,) = (row for row in _rows("figure5") if row["task"] == task)
    return {name: float(row[name]) / 100 for name in (*FACTORS, HIGHER_ORDER)}


def least(task: str) -> Best:
    """Return the best test figure of all the task's trials, whatever their validation figure."""
    found = ((box.low, code) for code, box in boxes(task, "all").items() if box.low is not None)
    return Best(*min(found))


def _box(row: Mapping[str, str]) -> Box:
    names = ("mean", "median", "q1", "q3", "min", "max")
    mean, median, q1, q3, low, high = (float(row[key]) if row[key] else None for key in names)
    size, significant = int(row["parameters"]), row["significant"] == "true"
    return Box(mean, median, q1, q3, low, high, size, significant)


@cache
def _rows(name: str) -> tuple[Mapping[str, str], ...]:
    return tuple(_read(Path(__file__).with_name(f"{name}.csv")))


def _read(path: Path) -> Iterator[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
