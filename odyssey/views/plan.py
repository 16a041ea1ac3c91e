"""The plan of a study as a table: what its training asks for, and when it would end."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from rich.console import Group, RenderableType
from rich.table import Table

from odyssey import paper
from odyssey.runs.plan import (
    START_SECONDS,
    Corpus,
    PlanError,
    TaskPlan,
    corpus_of,
    costs_of,
    fit,
    mean_epochs,
    plan,
    wall_seconds,
    with_epochs,
)
from odyssey.storage.datasets import DataError, Dataset, load_dataset
from odyssey.study.study import Study
from odyssey.tasks import TASKS, Costs
from odyssey.units import duration

#: What a calibration reads of trials.csv.
_COLUMNS = ("task", "status", "parameters", "seconds_per_epoch", "epochs")


def plan_view(
    study: Study,
    threads: int,
    calibration: Path | None = None,
    epochs: float | None = None,
    nodes: int = 10,
    cores: int = 128,
) -> RenderableType:
    """Return the plan of a study, on all epochs at most and on a share of them.

    ``calibration`` is a trials.csv; without one the built-in costs hold. PlanError if that or the
    machine makes no sense.
    """
    data = {task: _data(study, task) for task in study.tasks}
    prepared = {task: _size(study, task, found) for task, found in data.items()}
    corpora = {task: found or corpus_of(task) for task, found in prepared.items()}
    costs, share = _calibrated(calibration, epochs, corpora, study)
    most = plan(study, threads, costs, corpora)
    notes = [_origin(calibration), *_others(study, data), *_guesses(prepared)]
    notes += study.without_factors()
    notes += [f"jobs train {threads} trials at a time and take {START_SECONDS:.0f} s to start"]
    notes += ["how long it takes on GPUs is not measured"]
    beside = _is_papers(study, data)
    table = _table("If every trial trains all its epochs", most, threads, nodes, cores, beside)
    if share is None:
        notes.append("--trials or --epochs tell how many epochs trials train until they stop")
        return Group(table, *notes)
    expected = plan(study, threads, with_epochs(costs, share), corpora)
    title = f"If trials train {100 * share:.0f} % of their epochs"
    return Group(table, _table(title, expected, threads, nodes, cores, beside), *notes)


def _data(study: Study, task: str) -> Dataset | None:
    """Return a task's prepared data; None while there are none."""
    try:
        return load_dataset(study.data_path(task))
    except DataError:
        return None


def _is_asked_for(study: Study, task: str, data: Dataset) -> bool:
    return bool(data.source == study.data_options(task)["source"])


def _size(study: Study, task: str, data: Dataset | None) -> Corpus | None:
    """Return the size of prepared data, None if they are not those that the config asks for."""
    if data is None or not _is_asked_for(study, task, data):
        return None
    sequences = {name: len(split) for name, split in data.splits.items()}
    frames = sum(len(split.inputs) for split in data.splits.values())
    trained = sequences.pop("train")
    evaluated = sum(sequences.values())
    return Corpus(trained, evaluated, frames / (trained + evaluated))


def _others(study: Study, data: Mapping[str, Dataset | None]) -> list[str]:
    """Say which prepared data are not those that the config asks for."""
    return [
        f"{task}: {study.data_path(task)} is of source {found.source!r}, the config asks for "
        f"{study.data_options(task)['source']!r}: the plan is for a corpus of the usual size"
        for task, found in data.items()
        if found and not _is_asked_for(study, task, found)
    ]


def _is_papers(study: Study, data: Mapping[str, Dataset | None]) -> bool:
    """Return whether these are the paper's runs, on its corpora as far as they are prepared."""
    searches = {(task, code): paper.TRIALS for task in paper.TASKS for code in paper.ORDER}
    asked = {(task, code): study.trials(task) for task in study.tasks for code in study.variants}
    there = [(task, found) for task, found in data.items() if found]
    usual = [found.comparable for task, found in there if _is_asked_for(study, task, found)]
    return asked == searches and all(usual)


def _guesses(prepared: Mapping[str, Corpus | None]) -> list[str]:
    """Say of which tasks neither row nor data tell the size, or no row the costs."""
    notes = []
    for task, corpus in prepared.items():
        unknown = ["corpus"] * (corpus is None and TASKS[task].size is None)
        unknown += ["costs of a step"] * (TASKS[task].costs is None)
        if unknown:
            notes.append(
                f"{task}: {' and '.join(unknown)} as of the dearest task that is known, its row "
                "says none"
            )
    return notes


def _calibrated(
    calibration: Path | None, epochs: float | None, corpora: Mapping[str, Corpus], study: Study
) -> tuple[dict[str, Costs], float | None]:
    if calibration is None:
        return {task: costs_of(task) for task in corpora}, epochs
    rows = [row for row in _table_of(calibration) if row["task"] in corpora]
    try:
        costs = fit(rows, corpora)
        share = epochs if epochs is not None else mean_epochs(rows, study.protocol.epochs)
    except (ValueError, ZeroDivisionError) as error:
        raise PlanError(f"{calibration}: {error}") from error
    return costs, share


def _table_of(calibration: Path) -> list[dict[str, str]]:
    """Return the rows of a trials.csv; PlanError if it is none."""
    try:
        with calibration.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise PlanError(f"{calibration}: must be a trials.csv of a study: {error}") from error
    missing = [name for name in _COLUMNS if any(row.get(name) is None for row in rows)]
    if missing:
        raise PlanError(
            f"{calibration}: must be a trials.csv of a study, has no column {missing[0]}"
        )
    return rows


def _origin(calibration: Path | None) -> str:
    if calibration is None:
        return "costs as measured on an AVX-512 core; calibrate with --trials"
    return (
        f"costs of the finished trials in {calibration}; of tasks that have none, as in their row"
    )


def _table(
    title: str, plans: Sequence[TaskPlan], threads: int, nodes: int, cores: int, beside: bool
) -> Table:
    table = Table(title=title, title_justify="left", show_footer=True)
    jobs = [seconds for each in plans for seconds in each.jobs]
    hours = sum(each.core_seconds for each in plans) / 3600
    footers = ("all", sum(p.trials for p in plans), len(jobs), _range(jobs), duration(3600 * hours))
    headings = ("task", "trials", "jobs", "a job\nleast – median – most", "core time")
    for heading, footer in zip(headings, footers, strict=True):
        table.add_column(heading, str(footer), justify="left" if heading == "task" else "right")
    for each in plans:
        row = (each.trials, len(each.jobs), _range(each.jobs), duration(each.core_seconds))
        table.add_row(each.task, *map(str, row))
    ends = [
        f"{number} × {cores} cores: {duration(wall_seconds(plans, threads, number, cores))}"
        for number in sorted({1, nodes})
    ]
    table.caption = f"ends after {', '.join(ends)}"
    if beside:
        share = f"{paper.CORE_HOURS:,} core hours, {paper.CORE_HOURS / hours:.0f} times as many"
        table.caption += f"; the paper's study took {share}"
    return table


def _range(jobs: Sequence[float]) -> str:
    return " – ".join(map(duration, (min(jobs), median(jobs), max(jobs))))
