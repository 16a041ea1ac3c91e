"""The input of figures and report: the table of trials, and per task its analyses."""

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from odyssey.analysis.records import Comparison, TaskAnova, WithPaper
from odyssey.analysis.words import in_order
from odyssey.storage.datasets import Dataset, load_dataset
from odyssey.storage.plain import from_json, to_json

#: Items left out of a task's data that the report lists.
MOST_LEFT_OUT = 100
#: The variant that all others are compared with.
REFERENCE = "V"
_ALONE = WithPaper(comparable=False, beside=False, distances=(), reason="")

Record = TypeVar("Record")


class UnusableFile(ValueError):
    """A file without a result of the analysis; the message is one line."""


@dataclass(frozen=True)
class DataFacts:
    """Facts about a task's prepared data.

    ``comparable`` is with the paper's data, ``baselines`` maps trivial models to their test
    figures. ``left_out`` holds the first of the items that were ``skipped``, with the reason,
    ``sequences`` the number of sequences by set.
    """

    description: str
    comparable: bool
    baselines: Mapping[str, float]
    notes: tuple[str, ...]
    skipped: int
    left_out: Mapping[str, str]
    sequences: Mapping[str, int]


@dataclass(frozen=True)
class Findings:
    """The trials and epochs of all tasks, and by task the fANOVA, the comparison and the data.

    ``paper`` holds by task the comparison with the paper, where there is one.
    """

    trials: pd.DataFrame
    fanova: Mapping[str, TaskAnova]
    comparison: Mapping[str, Comparison]
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    data: Mapping[str, DataFacts] = field(default_factory=dict)
    paper: Mapping[str, WithPaper] = field(default_factory=dict)

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
        """Read the tables of all tasks, the JSON files, named after their task, the datasets.

        Raises UnusableFile for a JSON file that is damaged or of another version.
        """
        epochs = [pd.read_csv(path) for path in curves]
        return cls(
            pd.concat(map(read_trials, trials), ignore_index=True),
            _by_task(TaskAnova, fanova),
            _by_task(Comparison, comparison),
            pd.concat(epochs, ignore_index=True) if epochs else pd.DataFrame(),
            dict(_facts(load_dataset(Path(path))) for path in data),
            _by_task(WithPaper, paper),
        )

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in the order of ``words.in_order``."""
        return in_order(self.comparison)

    def comparable(self, task: str) -> bool:
        """Say whether the task's data are the paper's."""
        return self.paper.get(task, _ALONE).comparable

    def beside(self, task: str) -> bool:
        """Say whether the paper's figures are shown beside ours."""
        return self.paper.get(task, _ALONE).beside

    def save(self, folder: Path) -> None:
        """Write one trials.csv, fanova.json, comparison.json and paper.json of all tasks."""
        self.trials.to_csv(folder / "trials.csv", index=False)
        write_record(folder / "fanova.json", self.fanova)
        write_record(folder / "comparison.json", self.comparison)
        write_record(folder / "paper.json", self.paper)

    def of(self, task: str) -> pd.DataFrame:
        """Return the trials of one task."""
        return self.trials[self.trials.task == task]


def _by_task(kind: type[Record], paths: Iterable[str | Path]) -> dict[str, Record]:
    return {path.stem: read_record(kind, path) for path in map(Path, paths)}


def read_record(kind: type[Record], path: Path) -> Record:
    """Return the record in a JSON file; UnusableFile if it holds another or none."""
    try:
        return from_json(kind, json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise UnusableFile(
            f"{path}: must be a {kind.__name__} as this odyssey writes it: {error}; remove the "
            "file and run the workflow again"
        ) from error


def best(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the best share of trials by validation figure, rounded up."""
    return rows.sort_values("valid", kind="stable").head(number_of_best(len(rows), share))


def number_of_best(trials: int, share: float) -> int:
    """Return how many of some trials are the best share of them, rounded up."""
    return math.ceil(share * trials - 1e-9)


def winner(rows: pd.DataFrame) -> dict[str, Any] | None:
    """Return the trial that is best by validation as a row, None where there is none."""
    first = rows.sort_values("valid", kind="stable").head(1).to_dict("records")
    return {str(key): value for key, value in first[0].items()} if first else None


def finite(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that have a test figure: some diverged ones have none."""
    known: pd.DataFrame = rows[np.isfinite(rows.test.to_numpy(float))]
    return known


def require(trials: pd.DataFrame, numbers: Iterable[str], words: Iterable[str] = ()) -> None:
    """Raise ValueError, one line, if a table lacks a column or has text instead of numbers."""
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


def _facts(dataset: Dataset) -> tuple[str, DataFacts]:
    skipped = dataset.provenance.skipped
    return dataset.task, DataFacts(
        dataset.description,
        dataset.comparable,
        dict(dataset.baselines),
        tuple(dataset.provenance.notes),
        len(skipped),
        dict(itertools.islice(skipped.items(), MOST_LEFT_OUT)),
        {name: len(split) for name, split in dataset.splits.items()},
    )


def write_record(path: Path, record: object) -> None:
    """Write a record, or a mapping of records, as JSON; infinite numbers are refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(to_json(record), indent=1, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
