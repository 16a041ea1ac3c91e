"""What trials cost, before they run: time limits for the scheduler, and the plan of a study.

An epoch of a network with P parameters costs, on one core,

    sequences · a + frames · P · b      seconds,

with a and b fitted to measured epochs, and parameters beyond CACHED counting twice. What is only
evaluated counts EVALUATED.sequence in the first sum, EVALUATED.frame in the second. With the drawn
hidden sizes known, so is a job's cost.
What a task's corpus and its steps cost stands in its row. .smk files import it: no more than rows,
studies and the standard library.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from types import MappingProxyType
from typing import NamedTuple

from odyssey.networks.cells import get_cell
from odyssey.study.study import Study, TrialSpec
from odyssey.tasks import TASKS, Costs, Size


class Share(NamedTuple):
    """What an evaluated sequence costs as a share of a trained one: by itself, by its frames."""

    sequence: float
    frame: float


#: Measured: H = 20 to 200, the three tasks, V and FGR, several sequences side by side. The whole
#: study's evaluation takes what these say, that of small nets on TIMIT and JSB more.
EVALUATED = Share(0.8, 0.18)
#: With more parameters the weights of one direction don't fit an L2 cache of 1 MiB.
CACHED = 2**19
#: How many times as fast a trial of two directions is on two cores, by the parameters it has at
#: least; measured.
PAIRED = ((200_000, 1.8), (100_000, 1.5), (40_000, 1.2))
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
    def work(self) -> Share:
        """The work of an epoch in sequences trained on, for each of the two sums."""
        return Share(*(self.trained + share * self.evaluated for share in EVALUATED))


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
    sequences, framed = corpus.work
    frames = corpus.frames * framed
    return sequences * costs.sequence + frames * _counted(parameters) * costs.parameter


def trial_seconds(spec: TrialSpec, costs: Costs, corpus: Corpus) -> float:
    """Return what a trial is expected to cost, on one core."""
    parameters = _parameters(spec.task, spec.variant, int(spec.hyperparameters["hidden"]))
    epochs = costs.epochs * spec.protocol.epochs
    return epochs * epoch_seconds(parameters, costs, corpus)


def gain(spec: TrialSpec) -> float:
    """Return how many times as fast a trial is on two cores."""
    parameters = _parameters(spec.task, spec.variant, int(spec.hyperparameters["hidden"]))
    known = (faster for least, faster in PAIRED if parameters >= least)
    return next(known, 1.0) if TASKS[spec.task].bidirectional else 1.0


def makespan(seconds: Iterable[float], workers: int, gains: Iterable[float] = ()) -> float:
    """Return the makespan of list scheduling: when the last trial ends on ``workers`` cores.

    With ``gains`` the cores for which no trial waits serve as second ones, the first trials first:
    each is then so many times as fast, as ``odyssey.runs.spare`` does it.
    """
    waiting = deque(zip_longest(seconds, gains, fillvalue=1.0))
    running: list[tuple[float, float, int]] = []  # seconds left on one core, gain, cores
    now, idle = 0.0, workers
    while waiting or running:
        while waiting and idle:
            running.append((*waiting.popleft(), 1))
            idle -= 1
        for k, (left, faster, cores) in enumerate(running):
            if idle and cores == 1:
                running[k], idle = (left, faster, 2), idle - 1
        passed = min(left / (faster if cores == 2 else 1.0) for left, faster, cores in running)
        now += passed
        after = [
            (left - passed * (faster if cores == 2 else 1.0), faster, cores)
            for left, faster, cores in running
        ]
        running = [row for row in after if row[0] > 1e-9 * now]
        idle = workers - sum(cores for _, _, cores in running)
    return now


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
    seconds = _block_seconds(specs, costs, corpus, workers)
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
        sequences, framed = corpus.work
        points = [
            (float(row["seconds_per_epoch"]) / sequences, _counted(int(row["parameters"])))
            for row in trials
        ]
        sequence, parameter = _line(task, points)
        costs[task] = Costs(sequence, parameter * sequences / (framed * corpus.frames))
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
    blocks = [list(study.trials_of_block(*block)) for block in study.blocks(task)]
    core_seconds = sum(trial_seconds(spec, costs, corpus) for block in blocks for spec in block)
    jobs = [START_SECONDS + _block_seconds(block, costs, corpus, workers) for block in blocks]
    return TaskPlan(task, sum(map(len, blocks)), core_seconds, jobs)


def _block_seconds(specs: Iterable[TrialSpec], costs: Costs, corpus: Corpus, workers: int) -> float:
    """Return how long a job trains, the longest trial first."""
    trials = [(trial_seconds(spec, costs, corpus), gain(spec)) for spec in specs]
    trials.sort(reverse=True)
    return makespan([each for each, _ in trials], workers, [faster for _, faster in trials])


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
