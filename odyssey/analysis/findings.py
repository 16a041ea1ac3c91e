"""All that figures and report show: the table of trials, and per task what was made of it."""

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from odyssey.storage.datasets import Dataset, load_dataset
from odyssey.tasks import TASKS

#: Items left out of a task's data that the report lists.
MOST_LEFT_OUT = 100
#: The variant that all others are compared with.
REFERENCE = "V"


@dataclass(frozen=True)
class Findings:
    """The trials and epochs of all tasks, and by task the fANOVA, the comparison and the data.

    ``paper`` holds by task whether its figures stand ``beside`` ours, whether the data are
    ``comparable``, and the ``distances``, as ``with_paper`` writes them. ``data`` holds by task
    ``description``, ``comparable`` (with the paper's), ``baselines`` (trivial model → test figure),
    ``notes``, how many items were ``skipped``, the first of them with the reason (``left_out``),
    and the number of ``sequences`` by set.
    """

    trials: pd.DataFrame
    fanova: Mapping[str, Mapping[str, Any]]
    comparison: Mapping[str, Mapping[str, Any]]
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paper: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        trials: Iterable[str | Path],
        fanova: Iterable[str | Path],
        comparison: Iterable[str | Path],
        curves: Iterable[str | Path] = (),
        data: Iterable[str | Path] = (),
        paper: Iterable[str | Path] = (),
    ) -> "Findings":
        """Read the tables of all tasks, the JSON files, named after their task, the datasets."""
        epochs = [pd.read_csv(path) for path in curves]
        return cls(
            pd.concat(map(read_trials, trials), ignore_index=True),
            _by_task(fanova),
            _by_task(comparison),
            pd.concat(epochs, ignore_index=True) if epochs else pd.DataFrame(),
            dict(_facts(load_dataset(Path(path))) for path in data),
            _by_task(paper),
        )

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in the paper's order."""
        return [name for name in TASKS if name in self.comparison]

    def comparable(self, task: str) -> bool:
        """Say whether the task's data are the paper's."""
        return bool(self.paper.get(task, {}).get("comparable"))

    def beside(self, task: str) -> bool:
        """Say whether the paper's figures stand beside ours."""
        return bool(self.paper.get(task, {}).get("beside"))

    def save(self, folder: Path) -> None:
        """Write one trials.csv, fanova.json, comparison.json and paper.json of all tasks."""
        self.trials.to_csv(folder / "trials.csv", index=False)
        write_json(folder / "fanova.json", self.fanova)
        write_json(folder / "comparison.json", self.comparison)
        write_json(folder / "paper.json", self.paper)

    def of(self, task: str) -> pd.DataFrame:
        """Return the trials of one task."""
        return self.trials[self.trials.task == task]


def _by_task(paths: Iterable[str | Path]) -> dict[str, Any]:
    files = map(Path, paths)
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def best(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the best share of trials by validation figure, rounded up."""
    return rows.sort_values("valid", kind="stable").head(math.ceil(share * len(rows) - 1e-9))


def winner(rows: pd.DataFrame) -> dict[str, Any] | None:
    """Return the trial that is best by validation as a row, None where there is none."""
    found = rows.sort_values("valid", kind="stable").head(1).to_dict("records")
    return {str(key): value for key, value in found[0].items()} if found else None


def finite(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that have a test figure: of some diverged ones nothing is known."""
    known: pd.DataFrame = rows[np.isfinite(rows.test.to_numpy(float))]
    return known


def require(trials: pd.DataFrame, numbers: Iterable[str], words: Iterable[str] = ()) -> None:
    """Raise ValueError, one line, where a table lacks a column or numbers are none."""
    numbers = list(numbers)
    missing = [name for name in (*words, *numbers) if name not in trials]
    if missing:
        raise ValueError(f"a table of trials needs the columns {', '.join(missing)}")
    others = [name for name in numbers if not pd.api.types.is_numeric_dtype(trials[name])]
    if others and len(trials):
        raise ValueError(f"the columns {', '.join(others)} must hold numbers, they hold text")


def read_trials(path: str | Path) -> pd.DataFrame:
    """Return a table of trials exactly as it was written."""
    return pd.read_csv(path, float_precision="round_trip")


def _facts(dataset: Dataset) -> tuple[str, dict[str, Any]]:
    return dataset.task, {
        "description": dataset.description,
        "comparable": dataset.comparable,
        "baselines": dict(dataset.baselines),
        "notes": dataset.provenance.notes,
        "skipped": len(dataset.provenance.skipped),
        "left_out": dict(itertools.islice(dataset.provenance.skipped.items(), MOST_LEFT_OUT)),
        "sequences": {name: len(split) for name, split in dataset.splits.items()},
    }


def write_json(path: Path, value: Any) -> None:
    """Write plain JSON types; NaN is none of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
