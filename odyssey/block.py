"""One job: a block of consecutive trials of one task × variant, some at a time.

Every trial trains in a process with one core. The declared block file is written last, from the
finished trials' files, so a killed job loses nothing that was finished.
"""

import logging
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from odyssey.datasets import Dataset, load_dataset
from odyssey.results import TrialResult, write_block
from odyssey.spec import Kernels
from odyssey.study import Study, TrialSpec

log = logging.getLogger(__name__)


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

    Finished trials are read, begun ones resumed. BlockError names the trials that failed.
    """
    specs = study.trials_of_block(task, variant, first, last)
    paths = [study.trial_path(task, variant, spec.trial) for spec in specs]
    with _workers(min(workers, len(specs)), log_file) as pool:
        jobs = {
            pool.submit(_run, spec, data, path, study.kernels): spec
            for spec, path in zip(specs, paths, strict=True)
        }
        results = _gather(jobs)
    write_block(out, sorted(results, key=lambda result: int(result.settings["trial"])))


def _gather(jobs: dict[Future[TrialResult], TrialSpec]) -> list[TrialResult]:
    """Wait for all trials, then complain about the failed ones at once."""
    results, failures = [], []
    for job in as_completed(jobs):
        try:
            results.append(job.result())
        except Exception as error:
            log.error("%s: failed", jobs[job], exc_info=error)
            failures.append(f"{jobs[job]} ({type(error).__name__}: {error})")
    if failures:
        raise BlockError(
            f"{len(failures)} of {len(jobs)} trials failed, the others are kept: "
            + "; ".join(failures)
        )
    return results


@contextmanager
def _workers(number: int, log_file: Path | None) -> Iterator[ProcessPoolExecutor]:
    """Start worker processes; on an error or an interrupt they end with us."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    pool = ProcessPoolExecutor(number, context, initializer=_start_worker, initargs=(log_file,))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def _start_worker(log_file: Path | None) -> None:
    # Snakemake sets this to the job's threads; with one trial a core, more threads only spin.
    os.environ["OMP_NUM_THREADS"] = "1"
    start_logging(log_file)


def start_logging(log_file: Path | None) -> None:
    """Send log lines to a file, which several processes may share, or to standard error."""
    logging.basicConfig(
        filename=log_file,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        force=True,
    )


def _run(spec: TrialSpec, data: Path, path: Path, kernels: Kernels) -> TrialResult:
    from odyssey.trial import run_trial  # imports MXNet, which only a worker needs

    return run_trial(spec, _dataset(data, os.stat(data).st_mtime_ns), path, kernels)


@cache
def _dataset(path: Path, _mtime: int) -> Dataset:
    return load_dataset(path)
