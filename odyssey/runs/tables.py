"""The tables that are made of trials' results: one row a trial, one row an epoch."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from odyssey.runs.results import CURVES, TrialResult, read_block
from odyssey.study.hyperparameters import HYPERPARAMETERS

log = logging.getLogger(__name__)


def collect(blocks: Iterable[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of trials, one row each, and the table of their epochs.

    PAPER: a diverged trial's figures, too, are those of its best epoch, and of the untrained net
    where that is the best. ``status`` tells diverged trials apart.
    """
    results = [result for path in blocks for result in read_block(path)]
    old = sum(result.untrained is None for result in results)
    if old:
        blind = sum(result.untrained is None and not result.best_epoch for result in results)
        log.warning(
            "%d trials are in blocks of an older odyssey, without the untrained net's figures, and "
            "%d of them, without any finite epoch, count as the task's worst: "
            "snakemake -R train_trials evaluates it from the trials' files and trains nothing",
            old,
            blind,
        )
    return tabulate(results)


def tabulate(results: Sequence[TrialResult]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of ``collect`` of one or more results."""
    trials = pd.DataFrame([result.row() for result in results])
    trials["diverged_epoch"] = trials["diverged_epoch"].astype("Int64")
    for name in trials.columns.intersection(
        [n for n, row in HYPERPARAMETERS.items() if row.switch]
    ):
        trials[name] = _one_kind(trials[name])
    names = {name: None for each in results for name in each.settings["hyperparameters"]}
    drawn = [name for name in HYPERPARAMETERS if name in names]
    drawn += [name for name in names if name not in HYPERPARAMETERS]
    order = [name for name in trials.columns if name not in drawn]
    at = order.index("parameters")
    curves = pd.DataFrame(row for result in results for row in _epoch_rows(result))
    return trials[order[:at] + drawn + order[at:]], curves


def _one_kind(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a switch's values: where some are numbers, true and false are the 1 and 0 they mean.

    In a CSV True beside 0.5 would be text.
    """
    numbers = any(not isinstance(value, bool | np.bool_) for value in values.dropna())
    return values.astype(float) if numbers else values


def _epoch_rows(result: TrialResult) -> Iterator[dict[str, Any]]:
    identity = {key: result.settings[key] for key in ("task", "variant", "trial")}
    columns = [result.curves[name] for name in CURVES]
    for epoch, figures in enumerate(zip(*columns, strict=True), start=1):
        yield {**identity, "epoch": epoch, **dict(zip(CURVES, map(float, figures), strict=True))}
