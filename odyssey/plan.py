"""What trials cost, before they run: time limits for the scheduler, and the plan of a study.

An epoch of a network with P parameters costs, on one core,

    sequences · a + frames · P · b      seconds, a frame that is only evaluated counting 0.4,

with a and b fitted to measured epochs; with the drawn hidden sizes known, so is a job's cost.
Standard library and study only: .smk files import it.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.study import Study, TrialSpec

#: An evaluated sequence's cost as a share of a trained one's, measured.
EVALUATION = 0.4
#: A job starts Snakemake twice, Python and MXNet: seconds, measured on a busy machine.
START_SECONDS = 20.0
#: Time limits are this multiple of what the model says: slow nodes, shared caches, slow disks.
MARGIN = 2.0
#: No time limit is shorter, in minutes: schedulers and start-up have their own noise.
LEAST_MINUTES = 10
_MB_OF_A_JOB, _MB_OF_A_TRIAL = 800, 600


class PlanError(ValueError):
    """A calibration that says nothing; the message is one line."""


@dataclass(frozen=True)
class Corpus:
    """A task's size: sequences that are trained on and only evaluated, frames of one."""

    trained: int
    evaluated: int
    frames: float


#: PAPER: section III-A. ASSUME: 300 frames a line of IAM-OnDB, after subsampling.
CORPORA: Mapping[str, Corpus] = {
    "timit": Corpus(3696, 592, 304),
    "iamondb": Corpus(5355, 6815, 300),
    "jsb": Corpus(229, 153, 61),
}


@dataclass(frozen=True)
class Costs:
    """Seconds a sequence, and seconds a frame and parameter, of training on one core.

    ``epochs`` is the mean share of the protocol's epochs that trials train until they stop.
    """

    sequence: float
    parameter: float
    epochs: float = 1.0


#: Measured on one AVX2 core (AMD Zen 3) with the fused kernels.
COSTS: Mapping[str, Costs] = {
    "timit": Costs(1.0e-4, 6.5e-11),
    "iamondb": Costs(1.0e-3, 6.5e-11),
    "jsb": Costs(5.0e-4, 1.3e-10),
}


def trial_seconds(spec: TrialSpec, costs: Costs) -> float:
    """Return what a trial costs if it trains all its epochs, on one core."""
    corpus = CORPORA[spec.task]
    sequences = corpus.trained + EVALUATION * corpus.evaluated
    parameters = _parameters(spec.task, spec.variant, int(spec.hyperparameters["hidden"]))
    an_epoch = sequences * (costs.sequence + corpus.frames * parameters * costs.parameter)
    return spec.protocol.epochs * an_epoch


def job_seconds(
    study: Study, task: str, variant: str, first: int, last: int, workers: int, costs: Costs
) -> float:
    """Return a job's wall time if its trials are worked off in order, ``workers`` at a time."""
    busy = [START_SECONDS] * workers
    for spec in study.trials_of_block(task, variant, first, last):
        soonest = busy.index(min(busy))
        busy[soonest] += costs.epochs * trial_seconds(spec, costs)
    return max(busy)


def time_limit(study: Study, workers: int, task: str, variant: str, first: str, last: str) -> int:
    """Return minutes in which a job surely ends, at one trial a core: all epochs, and a margin."""
    known = COSTS[task]
    whole = Costs(known.sequence, known.parameter)
    seconds = job_seconds(study, task, variant, int(first), int(last), workers, whole)
    return max(LEAST_MINUTES, math.ceil(MARGIN * seconds / 60))


def memory(workers: int) -> int:
    """Return the MiB that a job needs: Snakemake twice, the block's process, its trials."""
    return _MB_OF_A_JOB + _MB_OF_A_TRIAL * workers


@cache
def _parameters(task: str, variant: str, hidden: int) -> int:
    from odyssey.tasks import TASKS
    from odyssey.variants import get_variant

    shapes = TASKS[task].network(get_variant(variant), hidden).parameter_shapes()
    return sum(math.prod(shape) for shape in shapes.values())
