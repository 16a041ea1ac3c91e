"""One job: a block of consecutive trials of one task × variant, some at a time.

Every trial trains in a process with one core, or two once no other trial of the block waits; those
that share a GPU train in threads of this one, see ``odyssey.engines.gpu``. The declared block file
is written last, from the finished trials' files, so a killed job loses nothing that was finished.
"""

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.engines import cores
from odyssey.runs import stopping
from odyssey.runs.results import TrialResult, note_failure, write_block
from odyssey.runs.spare import SpareCores
from odyssey.storage.datasets import Dataset, load_dataset
from odyssey.study.study import Study, TrialSpec

log = logging.getLogger(__name__)
_reading = threading.Lock()


class BlockError(RuntimeError):
    """Some trials of a block failed; the others are done and kept."""


def run_block(
    study: Study,
    task: str,
    variant: str,
    first: int,
    last: int,
    data: Path,
    out: Path,
    workers: int = 1,
    log_file: Path | None = None,
) -> None:
    """Train trials first to last, ``workers`` at a time, and write the block file ``out``.

    On a GPU that they share it is ``trials_per_gpu`` at a time. Finished trials are read, begun
    ones resumed. BlockError names the trials that failed, whose failure stops no other, or says
    that there is no GPU as the study needs it; ``stopping.Stopped`` says that a signal came and all
    is saved.
    """
    specs = study.trials_of_block(task, variant, first, last)
    if study.shares_gpu(task):
        start_logging(log_file)
    if study.device(task) == "gpu":
        _require_gpu(study, task)
    with stopping.watching(_stop_workers):
        results = _train(specs, study, data, study.at_a_time(task, workers), log_file)
    write_block(out, sorted(results, key=lambda result: int(result.settings["trial"])))


def _require_gpu(study: Study, task: str) -> None:
    from odyssey.engines.gpu.device import require
    from odyssey.engines.gpu.driver import GpuError

    try:
        log.info("%s", require(study.kernels))
    except GpuError as error:
        log.error("%s", error)
        raise BlockError(f"no trial of {task} was begun: {error}") from error


def _train(
    specs: list[TrialSpec], study: Study, data: Path, workers: int, log_file: Path | None
) -> list[TrialResult]:
    # The largest first, so that cores are idle for less at the job's end; next() is atomic.
    queue = iter(sorted(specs, key=lambda spec: spec.hyperparameters["hidden"], reverse=True))
    failures: dict[str, str] = {}
    results: list[TrialResult] = []
    count = min(workers, len(specs))
    spare = SpareCores(workers, count)
    with ThreadPoolExecutor(count) as slots:
        jobs = [
            slots.submit(_work_off, queue, study, data, log_file, results.append, failures, spare)
            for _ in range(count)
        ]
    for job in jobs:
        job.result()
    if signal := stopping.requested():
        raise stopping.Stopped(f"stopped on {signal}; all trials are saved, run again to resume")
    if failures:
        named = "; ".join(f"{spec} ({why})" for spec, why in failures.items())
        raise BlockError(
            f"{len(failures)} of {len(specs)} trials failed, the others are kept: {named}"
        )
    return results


def _work_off(
    queue: Iterator[TrialSpec],
    study: Study,
    data: Path,
    log_file: Path | None,
    done: Callable[[TrialResult], None],
    failures: dict[str, str],
    spare: SpareCores,
) -> None:
    """Train what the queue gives in one worker process, and in a new one if that dies."""
    worker: Executor | None = None
    grant = spare.slot()
    for spec in queue:
        if stopping.requested():
            break
        spare.begin(grant, spec.hyperparameters["hidden"])
        worker = worker or _new_worker(log_file, grant, thread=study.shares_gpu(spec.task))
        path = study.trial_path(spec.task, spec.variant, spec.trial)
        job: Future[TrialResult] = worker.submit(_run, spec, data, path, study.config)
        while not wait([job], timeout=1.0).done:
            if stopping.requested():
                _stop_workers()
        reason = ""
        try:
            done(job.result())
        except stopping.Stopped:
            break
        except BrokenProcessPool:
            reason, worker = "its process died: killed, or out of memory", None
        except Exception as error:
            log.error("%s: failed", spec, exc_info=error)
            reason = f"{type(error).__name__}: {error}"
        if reason:
            failures[str(spec)] = reason
            note_failure(path, f"{reason}; see {log_file}")
        else:
            note_failure(path, "")
    spare.close(grant)
    if worker is not None:
        worker.shutdown()


def _new_worker(log_file: Path | None, grant: cores.Grant, thread: bool) -> Executor:
    if thread:
        return ThreadPoolExecutor(1)
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    return ProcessPoolExecutor(1, context, initializer=_start_worker, initargs=(log_file, grant))


def _stop_workers() -> None:
    stopping.pass_on([p.pid for p in multiprocessing.active_children() if p.pid is not None])


def _start_worker(log_file: Path | None, grant: cores.Grant) -> None:
    # Snakemake sets this to the job's threads; with one trial per core, more threads only spin.
    os.environ["OMP_NUM_THREADS"] = "1"
    cores.follow(grant)
    stopping.on_request()
    start_logging(log_file)


def start_logging(log_file: Path | None) -> None:
    """Send log lines to a file, which several processes may share, or to standard error."""
    logging.basicConfig(
        filename=log_file,
        encoding="utf-8",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        force=True,
    )


def _run(spec: TrialSpec, data: Path, path: Path, config: Mapping[str, Any]) -> TrialResult:
    study = Study(config)  # whose extensions this process may not know yet
    # They import MXNet and what trains, which only a worker needs.
    from odyssey.runs.keeper import Saving
    from odyssey.runs.trial import run_trial

    dataset = prepared(data)
    try:
        device = study.device(spec.task)
        saving = Saving(study.checkpoint_minutes)
        return run_trial(spec, dataset, path, study.kernels, device, saving)
    finally:
        # In a worker, nobody waits for the result then, and nobody would end the process.
        if stopping.orphaned() and multiprocessing.parent_process() is not None:
            os._exit(1)


def prepared(data: Path) -> Dataset:
    """Return prepared data, read once in a process: trials that share a GPU share them on it."""
    with _reading:
        return _dataset(data, data.stat().st_mtime_ns)


@cache
def _dataset(path: Path, _mtime: int) -> Dataset:
    return load_dataset(path)
