"""How far a study is: what every trial's files say, without touching them.

Reads block files, and where a block is not there yet the attributes of its trials' files; a trial
is running while its lease is renewed.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py

from odyssey.runs.epochs import RUNNING, Standing
from odyssey.runs.results import TRIAL, failure_of, read_block
from odyssey.runs.survey import survey_trials
from odyssey.storage import lease
from odyssey.storage.files import time_at
from odyssey.storage.tree_file import DamagedFile
from odyssey.study.study import Study, TrialSpec

#: --watch looks again and again at files most of which stay as they are.
_kept = lru_cache(maxsize=50_000)

STATES = ("finished", "diverged", "running", "paused", "failed", "waiting")


@dataclass(frozen=True)
class Progress:
    """Where one trial stands.

    ``state`` is one of STATES: a paused trial has a checkpoint and nobody works on it. ``age`` is
    that of the last checkpoint, in seconds; ``ended`` when the trial ended, as seconds of the
    epoch; ``reason`` why it failed.
    """

    task: str
    variant: str
    trial: int
    state: str
    epoch: int = 0
    age: float = 0.0
    ended: float = 0.0
    reason: str = ""


def survey(study: Study) -> Iterator[Progress]:
    """Yield the progress of every trial of the study, in the order of the grid."""
    for task in study.tasks:
        yield from survey_trials(study, task, _of_block, _of_trial)


def _of_block(path: Path) -> Mapping[str, Progress]:
    return _ended(path, _version(path))


def _of_trial(spec: TrialSpec, path: Path) -> Progress:
    identity = {"task": spec.task, "variant": spec.variant, "trial": spec.trial}
    works = lease.is_held(path.with_suffix(".lease"))
    version = _version(path)
    found = _standing(path, version)
    if found is None or not found.is_of(spec) or not found.is_of_use(spec):
        if works:
            return _progress(identity, "running")
        reason = failure_of(path)
        return _progress(identity, "failed" if reason else "waiting", reason=reason)
    written, status = version[0] / 1e9, found.status_for(spec)
    epoch = min(found.epochs, spec.protocol.epochs)
    if status != RUNNING:
        return _progress(identity, status, epoch, ended=written)
    reason = "" if works else failure_of(path)
    state = "running" if works else "failed" if reason else "paused"
    age = max(0.0, time_at(path.parent) - written)
    return _progress(identity, state, epoch, age=age, reason=reason)


def _progress(identity: Any, state: str, epoch: int = 0, **more: Any) -> Progress:
    return Progress(
        identity["task"], identity["variant"], int(identity["trial"]), state, epoch, **more
    )


def _version(path: Path) -> tuple[int, int]:
    """Return what changes whenever a file is replaced: its time in ns and its number."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


@_kept
def _ended(path: Path, _version: tuple[int, int]) -> Mapping[str, Progress]:
    """Return fingerprint → progress of the trials in a block file; none if it is of no use."""
    try:
        results = read_block(path)
    except (OSError, DamagedFile):
        return {}
    return {
        result.fingerprint: _progress(
            result.settings,
            result.status,
            len(result.curves["seconds"]),
            ended=datetime.fromisoformat(result.finished).timestamp(),
        )
        for result in results
    }


@_kept
def _standing(path: Path, _version: tuple[int, int]) -> Standing | None:
    """Return how far a trial's file is without reading its arrays; None if it is of no use."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs["format"] != TRIAL:
                return None
            return Standing.of(file.attrs, len(file["curves/seconds"]), "state" in file)
    except (OSError, KeyError, ValueError):
        return None


@dataclass(frozen=True)
class Outlook:
    """Trials an hour over the latest ones, and the hours that the rest will take; 0 if unknown."""

    trials_per_hour: float
    hours_left: float


def outlook(trials: list[Progress], latest: int = 200) -> Outlook:
    """Extrapolate from the latest ended trials."""
    ended = sorted(trial.ended for trial in trials if trial.ended)[-latest:]
    left = len(trials) - sum(1 for trial in trials if trial.ended)
    span = time.time() - ended[0] if len(ended) > 1 else 0.0
    rate = (len(ended) - 1) / span if span > 0 else 0.0
    return Outlook(3600 * rate, left / rate / 3600 if rate else 0.0)


def counts(trials: list[Progress]) -> dict[tuple[str, str], Counter[str]]:
    """Return (task, variant) → number of trials in each state."""
    table: dict[tuple[str, str], Counter[str]] = {}
    for trial in trials:
        table.setdefault((trial.task, trial.variant), Counter())[trial.state] += 1
    return table
