"""What trials cost, before they run: time limits for the scheduler, and the plan of a study.

An epoch of a network with P parameters costs, on one core,

    sequences · a + frames · P · b      seconds, what is only evaluated counting 0.4,

with a and b fitted to measured epochs, and parameters beyond CACHED counting twice. With the drawn
hidden sizes known, so is a job's cost.
What a task's corpus and its steps cost stands in its row. .smk files import it: no more than rows,
studies and the standard library.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from odyssey.networks.cells import get_cell
from odyssey.study.study import Study, TrialSpec
from odyssey.tasks import TASKS, Costs, Size

#: An evaluated sequence's cost as a share of a trained one's, measured.
EVALUATION = 0.4
#: With more parameters the weights of one direction don't fit an L2 cache of 1 MiB.
CACHED = 2**19
#: A job starts Snakemake twice, then Python and MXNet: seconds, measured.
START_SECONDS = 10.0
#: Seconds between two submissions: the SLURM plugin pauses 5 s before each, two at a time.
SUBMIT_SECONDS = 2.5
#: Time limits are this multiple of what the model says: slower processors, shared caches.
MARGIN = 2.0
#: No time limit is shorter or longer, in minutes.
LEAST_MINUTES, MOST_MINUTES = 10, 24 * 60
_MB_OF_A_JOB, _MB_OF_A_TRIAL = 800, 600


class PlanError(ValueError):
    """A calibration that says nothing; the message is one line."""


@dataclass(frozen=True)
class Corpus:
    """A task's size: sequences that are trained on and only evaluated, mean frames of one."""

    trained: int
    evaluated: int
    frames: float

    @classmethod
    def of(cls, size: Size) -> "Corpus":
        """Return the corpus of a task's row."""
        return cls(size.train, size.valid + size.test, size.frames)

    @property
    def sequences(self) -> float:
        """The work of an epoch in sequences trained on."""
        return self.trained + EVALUATION * self.evaluated


def costs_of(task: str) -> Costs:
    """Return the costs in a task's row, or those of the dearest task that is known.

    The rows' were measured with the fused kernels: CPU seconds of an AVX-512 core (AMD EPYC) while
    the machine's other core was busy too. V, NIG and FGR with 20 to 200 blocks lie within a third
    of this, on JSB within a half. The AVX2 build took 1.2 to 1.7 times as long on the same core.
    """
    return TASKS[task].costs or _dearest()[0]


def corpus_of(task: str) -> Corpus:
    """Return the corpus in a task's row, or that of the dearest task that is known."""
    size = TASKS[task].size
    return Corpus.of(size) if size else _dearest()[1]


def _dearest() -> tuple[Costs, Corpus]:
    known = [(row.costs, Corpus.of(row.size)) for row in TASKS.values() if row.costs and row.size]
    return max(known, key=lambda pair: epoch_seconds(CACHED, *pair))


def _counted(parameters: int) -> int:
    return parameters + max(0, parameters - CACHED)


def epoch_seconds(parameters: int, costs: Costs, corpus: Corpus) -> float:
    """Return what an epoch of a network of ``parameters`` parameters costs, on one core."""
    return corpus.sequences * (
        costs.sequence + corpus.frames * _counted(parameters) * costs.parameter
    )


def trial_seconds(spec: TrialSpec, costs: Costs, corpus: Corpus) -> float:
    """Return what a trial is expected to cost, on one core."""
    parameters = _parameters(spec.task, spec.variant, int(spec.hyperparameters["hidden"]))
    epochs = costs.epochs * spec.protocol.epochs
    return epochs * epoch_seconds(parameters, costs, corpus)


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Return the makespan of list scheduling: when the last job ends on ``workers`` workers."""
    free = [0.0] * workers
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def time_limit(
    study: Study,
    workers: int,
    attempt: int,
    task: str,
    variant: str,
    first: int | str,
    last: int | str,
) -> int:
    """Return minutes in which a job ends: all epochs of all its trials, and a margin.

    A day at most, as many clusters want it: what takes longer is saved, and its retry resumes.
    """
    specs = study.trials_of_block(task, variant, int(first), int(last))
    costs, corpus = costs_of(task), corpus_of(task)
    seconds = makespan(_longest_first(specs, costs, corpus), workers)
    minutes = math.ceil(attempt * MARGIN * (START_SECONDS + seconds) / 60)
    return min(max(LEAST_MINUTES, minutes), MOST_MINUTES)


def memory(workers: int) -> int:
    """Return the MiB that a job needs: Snakemake twice, the block's process, its trials."""
    return _MB_OF_A_JOB + _MB_OF_A_TRIAL * workers


@dataclass(frozen=True)
class TaskPlan:
    """What one task of a study asks for: seconds of a core in all, wall seconds of each job."""

    task: str
    trials: int
    core_seconds: float
    jobs: Sequence[float]


def plan(
    study: Study,
    workers: int,
    costs: Mapping[str, Costs] = MappingProxyType({}),
    corpora: Mapping[str, Corpus] = MappingProxyType({}),
) -> list[TaskPlan]:
    """Return the plan of a study whose jobs train ``workers`` trials at a time.

    ``costs`` and ``corpora`` take the place of those of the tasks' rows.
    """
    return [
        _task_plan(
            *(study, task, workers),
            costs.get(task) or costs_of(task),
            corpora.get(task) or corpus_of(task),
        )
        for task in study.tasks
    ]


def wall_seconds(plans: Iterable[TaskPlan], workers: int, nodes: int, cores: int) -> float:
    """Return when the training of a study ends on nodes of ``cores`` cores, all for this study.

    Jobs are submitted and started in the study's order; one that runs holds ``workers`` cores.
    """
    if cores < workers:
        raise PlanError(
            f"a job needs {workers} cores at once, a node has {cores}: give fewer --threads"
        )
    free = [0.0] * (nodes * (cores // workers))
    jobs = [seconds for plan in plans for seconds in plan.jobs]
    for number, seconds in enumerate(jobs, start=1):
        submitted = number * SUBMIT_SECONDS
        heapq.heapreplace(free, max(free[0], submitted) + seconds)
    return max(free)


def fit(rows: Iterable[Mapping[str, str]], corpora: Mapping[str, Corpus]) -> dict[str, Costs]:
    """Return the costs that finished trials had, per task; PlanError if they are too few.

    ``rows`` are those of trials.csv, as text; least squares of the relative error. A task without
    trials keeps those of its row.
    """
    costs = {task: costs_of(task) for task in corpora}
    found: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        if row["status"] == "finished":
            found.setdefault(row["task"], []).append(row)
    for task, trials in found.items():
        corpus = corpora[task]
        points = [
            (float(row["seconds_per_epoch"]) / corpus.sequences, _counted(int(row["parameters"])))
            for row in trials
        ]
        sequence, parameter = _line(task, points)
        costs[task] = Costs(sequence, parameter / corpus.frames)
    return costs


def mean_epochs(rows: Iterable[Mapping[str, str]], epochs: int) -> float:
    """Return the share of a protocol's epochs that trials trained until they stopped."""
    trained = [int(row["epochs"]) for row in rows]
    if not trained:
        raise PlanError("a calibration needs trials of the study's tasks, found none")
    return sum(trained) / len(trained) / epochs


def with_epochs(costs: Mapping[str, Costs], share: float) -> dict[str, Costs]:
    """Return the costs of trials that train this share of their epochs, on average."""
    return {task: replace(cost, epochs=share) for task, cost in costs.items()}


def _task_plan(study: Study, task: str, workers: int, costs: Costs, corpus: Corpus) -> TaskPlan:
    trials = list(_seconds_of_blocks(study, task, costs, corpus))
    jobs = [START_SECONDS + makespan(block, workers) for block in trials]
    return TaskPlan(task, sum(map(len, trials)), sum(map(sum, trials)), jobs)


def _seconds_of_blocks(
    study: Study, task: str, costs: Costs, corpus: Corpus
) -> Iterator[list[float]]:
    for block in study.blocks(task):
        yield _longest_first(study.trials_of_block(*block), costs, corpus)


def _longest_first(specs: Iterable[TrialSpec], costs: Costs, corpus: Corpus) -> list[float]:
    """Return what the trials of a job cost, in the order in which it trains them."""
    return sorted((trial_seconds(spec, costs, corpus) for spec in specs), reverse=True)


def _line(task: str, points: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return a ≥ 0 and b ≥ 0 that make a + b x closest to y, relative to y."""
    if len({x for _, x in points}) < 3:
        raise PlanError(
            f"{task}: a calibration needs finished trials of three sizes, got {len(points)} trials"
        )
    n = sum(1 / y**2 for y, _ in points)
    sx, sxx = sum(x / y**2 for y, x in points), sum(x * x / y**2 for y, x in points)
    sy, sxy = sum(1 / y for y, _ in points), sum(x / y for y, x in points)
    b = max(0.0, (n * sxy - sx * sy) / (n * sxx - sx * sx))
    a = (sy - b * sx) / n
    return (a, b) if a >= 0 else (0.0, sxy / sxx)


@cache
def _parameters(task: str, variant: str, hidden: int) -> int:
    return TASKS[task].network(get_cell(variant), hidden).size
