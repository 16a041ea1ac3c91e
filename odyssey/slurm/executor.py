"""Snakemake's SLURM executor, mended where plugin 2.6.1 waits for ever, gives up or says nothing.

It loses its jobs when squeue fails five times, and waits for ever for a job that squeue has
forgotten. After Ctrl-C it goes on submitting. What it lacks in submission is in submission.py.
"""

import os
import time
from collections.abc import AsyncIterator
from typing import Any

from odyssey.slurm import commands
from odyssey.slurm.environment import clean
from odyssey.slurm.submission import patient
from odyssey.slurm.watch import Watch
from odyssey.slurm.words import in_one_line


def careful(plugin: Any) -> Any:
    """Return the executor class of Snakemake's SLURM plugin, mended; ``plugin`` is its module."""

    class CarefulExecutor(patient(plugin)):  # type: ignore[misc]
        """Watches and ends as the plugin does; what a method adds is said in its first line."""

        # The plugin begins to watch before it is ready; what fails there, watches no more.
        _watch: Watch | None = None
        _status_query_calls = 0

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._ended: set[str] = set()
            super().__init__(*arguments, **options)

        def __post_init__(self, *arguments: Any, **options: Any) -> None:
            """Keep from the jobs what SLURM tells this process."""
            self._leave_allocation()
            super().__post_init__(*arguments, **options)
            self._watch = Watch(self.run_uuid, self.logger)

        def _leave_allocation(self) -> None:
            job = os.environ.get("SLURM_JOB_ID")
            removed = clean(os.environ)
            if job:
                self.logger.info(
                    f"Snakemake runs inside SLURM job {job}; its jobs are jobs beside."
                )
            elif removed:
                self.logger.info(f"Kept from SLURM's commands and jobs: {', '.join(removed)}")

        async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncIterator[Any]:
            """Yield every job that has not ended, also if squeue did not answer or failed."""
            self._ended.clear()
            calls = self._status_query_calls
            try:
                async for _ in super().check_active_jobs(active_jobs):
                    pass  # what it yields is what has not ended; after a silence it yields nothing
            except Exception as error:
                self.logger.warning(f"Jobs could not be watched: {in_one_line(str(error))}")
            if active_jobs and self._watch:
                self._watch.answered(self._status_query_calls > calls)
                found = self._watch.forgotten(self._open(active_jobs))
                if not self._submitted_job_clusters:  # squeue sees one cluster's jobs only
                    for info, state in found:
                        self._end_forgotten(info, state)
            for info in self._open(active_jobs):
                yield info

        def _open(self, jobs: list[Any]) -> list[Any]:
            return [info for info in jobs if info.external_jobid not in self._ended]

        def _end_forgotten(self, info: Any, state: str) -> None:
            if state == "COMPLETED":
                self.report_job_success(info)
            else:
                text = f"SLURM knows job {info.external_jobid} no more, nor how it ended ({state})."
                self.report_job_error(info, msg=text.replace(" ()", ""))

        async def sleep(self) -> None:
            """Sleep no longer than a second once the run ends."""
            deadline = time.monotonic() + self.next_seconds_between_status_checks
            while self.wait and (rest := deadline - time.monotonic()) > 0:
                await plugin.asyncio.sleep(min(rest, 1))

        def report_job_success(self, job_info: Any) -> None:
            """Note that the job has ended."""
            self._ended.add(job_info.external_jobid)
            super().report_job_success(job_info)

        def report_job_error(self, job_info: Any, msg: Any = None, **options: Any) -> None:
            """Note that the job has ended; one that only met a cut time limit goes on anew."""
            self._ended.add(job_info.external_jobid)
            if not self._ends() and self._limits.met(job_info):
                self._job_submission_executor.submit(self.run_job, job_info.job)
            else:
                super().report_job_error(job_info, msg=msg, **options)

        # The end

        def shutdown(self) -> None:
            """Submit nothing any more."""
            self._closing = True
            self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
            super().shutdown()

        def cancel(self) -> None:
            """Submit nothing any more, then cancel."""
            self._closing = True
            self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
            super().cancel()

        def cancel_jobs(self, active_jobs: list[Any]) -> None:
            """Cancel by the run's name: so are jobs cancelled whose status is just asked for."""
            answer = commands.ask("scancel", f"--name={self.run_uuid}")
            if answer.code != 0 or self._submitted_job_clusters:
                super().cancel_jobs(active_jobs)

    return CarefulExecutor
