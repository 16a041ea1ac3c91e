"""Which of anybody's trials are usable, and under which laws: bad rows are named, laws inferred."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from odyssey.analysis.fanova.tables import inferred, text_of_law
from odyssey.analysis.fanova.trials import Trials, UnusableTrials
from odyssey.study.hyperparameter import COLUMNS
from odyssey.study.search import Choice, Law

#: Columns that tools, and we, write beside the hyperparameters.
NO_FACTORS = frozenset(COLUMNS) | {
    *("number", "state", "datetime_start", "datetime_complete", "duration", "worst"),
    *("Name", "ID", "Created", "Runtime", "End", "Hostname", "State", "User", "Tags", "Sweep"),
    *("Notes", "Updated", "trial_id", "experiment_id", "date", "timestamp", "pid", "node_ip"),
    *("hostname", "done", "time_total_s", "time_this_iter_s", "time_since_restore"),
    *("_step", "_runtime", "_timestamp", "_wandb", "Description", "Group", "Job Type"),
    *("training_iteration", "iterations_since_restore", "experiment_tag", "should_checkpoint"),
}
BAD_ROWS_SHOWN = 5


@dataclass(frozen=True)
class Asked:
    """What is asked of the trials.

    ``top`` is the best share, 1 for all; ``default`` a setting from which the ablation starts.
    """

    target: str
    maximize: bool = False
    laws: Mapping[str, Law] = field(default_factory=dict)
    only: Sequence[str] = ()
    without: Sequence[str] = ()
    top: float = 1.0
    trees: int = 64
    setting: Any = "accurate"
    totals: bool = False
    bootstrap: int = 0
    seed: int = 0
    workers: int = 1
    default: Mapping[str, Any] = field(default_factory=dict)


def usable(trials: Trials, asked: Asked) -> tuple[pd.DataFrame, np.ndarray[Any, Any], list[str]]:
    """Return the rows with a finite target, their figures, and what was left out."""
    table = trials.table
    if asked.target not in table:
        near = [n for n in map(str, table.columns) if n not in NO_FACTORS] or list(table.columns)
        raise UnusableTrials(
            f"no column {asked.target!r} for --target; there are {', '.join(map(str, near[:12]))}"
        )
    y = pd.to_numeric(table[asked.target], errors="coerce").to_numpy(float)
    good = np.isfinite(y)
    notes = [f"{count} trials left out: {state}" for state, count in trials.left_out.items()]
    notes += _named(trials, table[asked.target][~good], np.flatnonzero(~good), "no finite number")
    return table[good], y[good], notes


def _named(trials: Trials, values: pd.Series, places: Any, why: str) -> list[str]:
    """Return bad rows by their line, the first ones each, the others as a number."""
    named = [
        f"{trials.row} {_line(trials, label)}: {values.name} is {value!r}, {why}"
        for label, value in values.iloc[:BAD_ROWS_SHOWN].items()
    ]
    rest = len(values) - len(named)
    return named + [f"{rest} more rows whose {values.name} is {why}"] * (rest > 0)


def _line(trials: Trials, label: Any) -> Any:
    return label + trials.line if isinstance(label, int) else label


def space_of(
    trials: Trials, asked: Asked, table: pd.DataFrame
) -> tuple[dict[str, Law], list[str], list[str]]:
    """Return the laws of all factors, those inferred, and why a column is no factor."""
    known = {**trials.laws, **asked.laws}
    unknown = [n for n in (*asked.laws, *asked.only, *asked.without) if n not in table]
    if unknown:
        raise UnusableTrials(f"no column {unknown[0]!r}; there are {', '.join(map(str, table))}")
    chosen = list(asked.only) or [
        str(name)
        for name in (trials.laws or table.columns)
        if (name not in NO_FACTORS and name not in trials.targets) or name in known
    ]
    chosen += [name for name in asked.laws if name not in chosen]
    space: dict[str, Law] = {}
    guessed, notes = [], []
    for name in chosen:
        if name in asked.without or name == asked.target or name not in table:
            continue
        law = known.get(name)
        if law is None:
            law = inferred(table[name])
            if law is None:
                notes.append(f"{name} is no factor: it has one value, or words that hardly repeat")
                continue
            guessed.append(name)
        if isinstance(law, Choice) and len(law.levels) < 2:
            notes.append(f"{name} is no factor: it is fixed at {law.levels[0]}")
            continue
        space[name] = law
    if not space:
        raise UnusableTrials("no column is a factor: name one with --law NAME=LAW:LOW:HIGH")
    return space, guessed, notes


def inside(
    trials: Trials, table: pd.DataFrame, y: Any, space: Mapping[str, Law]
) -> tuple[pd.DataFrame, Any, list[str]]:
    """Return the rows whose values lie in the declared ranges, and which do not.

    A column with a slip among its numbers was read as texts: they become numbers again.
    """
    good, notes = np.ones(len(table), bool), []
    for name, law in space.items():
        values = table[name]
        words = any(isinstance(value, str) for value in law.extremes)
        if not (words or pd.api.types.is_numeric_dtype(values)):
            numbers = pd.to_numeric(values, errors="coerce")
            table = table.assign(**{name: numbers.where(numbers.notna(), values)})
        bad = np.array([not _fits(law, value) for value in table[name]])
        notes += _named(trials, values[bad], None, f"not of {text_of_law(name, law)}")
        good &= ~bad
    return table[good], y[good], notes


def _fits(law: Law, value: Any) -> bool:
    if pd.isna(value):
        return True
    try:
        law.cdf(value)
    except (ValueError, TypeError):
        return False
    return True
