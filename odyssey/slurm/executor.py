"""Snakemake's SLURM executor, mended where plugin 2.6.1 gives up, waits for ever or says nothing.

The plugin submits in threads and drops their exceptions, so that a job is awaited for ever. It
takes every refusal for a failed attempt. It loses its jobs when squeue fails five times, and
waits for ever for a job that squeue has forgotten. After Ctrl-C it goes on submitting. ``careful``
returns a class of its own against all of that. Of the plugin itself only the way in which it reads
a job's number is changed.
"""

import os
import re
import shlex
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from odyssey.slurm import commands
from odyssey.slurm.environment import clean
from odyssey.slurm.limits import Limits
from odyssey.slurm.watch import Watch
from odyssey.slurm.words import in_one_line, verdict

#: Seconds between two askings after a refusal: they double up to the second.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 240.0
#: SLURM's warning to the trials, two to three minutes before a time limit.
SIGNAL = "--signal=USR1@120"


def careful(plugin: Any) -> Any:
    """Return the executor class of Snakemake's SLURM plugin, mended."""
    plugin.validate_or_get_slurm_job_id = _bare_line_first(plugin.validate_or_get_slurm_job_id)

    class CarefulExecutor(plugin.Executor):  # type: ignore[misc]
        """The plugin's executor; what a method adds is said in its first line."""

        _limits: Limits
        _watch: Watch | None = None  # the plugin begins to watch before it is ready

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._closing = self._accepted = False
            self._one_asks = threading.Lock()
            self._refusal = threading.local()
            self._hopeless: dict[Any, str] = {}
            self._accounts: dict[Any, str] = {}
            self._ended: set[str] = set()
            super().__init__(*arguments, **options)

        def __post_init__(self, *arguments: Any, **options: Any) -> None:
            """Keep what SLURM tells this process from the jobs; no guess at the user's account."""
            self._leave_allocation()
            super().__post_init__(*arguments, **options)
            self._fallback_account_arg = ""  # sbatch knows the user's own, or SBATCH_ACCOUNT
            if "SBATCH_PARTITION" in os.environ:
                self._fallback_partition = ""
            self._limits = Limits(self.logger)
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

        # Submission

        def run_job(self, job: Any) -> None:
            """Submit; while SLURM can't take the job, ask again; report whatever else happens."""
            with self._one_asks:  # a second thread would only hear the same
                pass
            words, info = self._submit_once(job)
            if words and verdict(words) == "again":
                with self._one_asks:
                    words, info = self._ask_again(job, words)
            if words:
                self._give_up(job, words, info)

        def _submit_once(self, job: Any) -> tuple[str, Any]:
            """Return SLURM's words and the plugin's note if the job was refused, else ''."""
            if self._ends() or self._names(job) in self._hopeless:
                return self._hopeless.get(self._names(job), "the run ends"), None
            self._refusal.words, self._refusal.info = "", None
            try:
                self._limits.prepare(job, self._partitions_of(job))
                _add_signal(job)
                super().run_job(job)
            except Exception as error:  # the plugin's thread would drop it
                return in_one_line(str(error)) or type(error).__name__, None
            return self._refusal.words, self._refusal.info

        def _ask_again(self, job: Any, words: str) -> tuple[str, Any]:
            info, pause = None, FIRST_PAUSE
            while words and verdict(words) == "again" and not self._ends():
                self.logger.warning(
                    f"SLURM takes no job now ({words}): asking again in {pause:.0f} s, "
                    "for the same; Ctrl-C ends the run."
                )
                self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                words, info = self._submit_once(job)
            return words, info

        def _rest(self, seconds: float) -> None:
            deadline = time.monotonic() + seconds
            while not self._ends() and time.monotonic() < deadline:
                time.sleep(0.2)

        def _ends(self) -> bool:
            """Tell whether the run is being ended, by Ctrl-C, SIGTERM or an error."""
            scheduler = self.workflow.scheduler
            return bool(self._closing or getattr(scheduler, "_user_kill", None))

        def _give_up(self, job: Any, words: str, info: Any) -> None:
            """End the job without further attempts, and the run if no job can do better."""
            if self._ends():
                self.workflow.scheduler.error_callback(job)
                return
            text = f"SLURM refuses the job: {words}"
            if verdict(words) == "names" and not self._accepted:
                self._closing = True
                self.workflow.scheduler.executor_error_callback(plugin.WorkflowError(text))
                return
            if verdict(words) == "names":
                self._hopeless[self._names(job)] = words
            job.attempt = max(job.attempt, job.restart_times + 1)  # an attempt would be refused too
            self.report_job_error(info or plugin.SubmittedJobInfo(job), msg=f"{text}\n")

        def _report_job_error_threadsafe(self, job_info: Any, msg: str) -> None:
            """Keep a refusal for run_job; what is no refusal of one job goes the plugin's way."""
            found = re.search(r"The error message was '(.*)'\.\n", msg, re.DOTALL)
            if not found or not hasattr(self._refusal, "words"):
                super()._report_job_error_threadsafe(job_info, msg)
                return
            call = msg.partition("sbatch call:")[2].partition(" --wrap=")[0].strip()
            self.logger.debug(f"Refused: {call}")
            words = in_one_line(found[1]) or "sbatch failed without a word"
            self._refusal.words, self._refusal.info = words, job_info

        def _report_job_submission_threadsafe(self, job_info: Any) -> None:
            """Note that SLURM takes jobs of this run."""
            self._accepted = True
            super()._report_job_submission_threadsafe(job_info)

        def get_account_arg(self, job: Any) -> Iterator[str]:
            """Ask once per account; where accounting does not answer sbatch has the word."""
            account = job.resources.get("slurm_account")
            if account not in self._accounts:
                try:
                    self._accounts[account] = next(super().get_account_arg(job))
                except (OSError, plugin.WorkflowError) as error:
                    if "invalid" in str(error):
                        raise
                    first = re.split(r"[,\s]+", str(account).strip(", "))[0]
                    return iter([f" -A {shlex.quote(first)}"])
            return iter([self._accounts[account]])

        def _partitions_of(self, job: Any) -> list[str]:
            words = shlex.split(self.get_partition_arg(job))
            named = words[-1] if words else os.environ.get("SBATCH_PARTITION", "")
            return [name for name in named.split(",") if name]

        def _names(self, job: Any) -> Any:
            """Return what a refusal of names depends on."""
            keys = ("slurm_account", "slurm_partition", "qos", "slurm_extra", "constraint")
            return tuple(str(job.resources.get(key)) for key in keys)

        # Watching

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
                for info, state in self._watch.forgotten(self._open(active_jobs)):
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
            if answer.code != 0:
                self.logger.warning(f"scancel failed: {in_one_line(answer.err)}")
                super().cancel_jobs(active_jobs)

    return CarefulExecutor


def _add_signal(job: Any) -> None:
    """Ask for SLURM's warning, whatever default-resources are given on the command line."""
    extra = job.resources.get("slurm_extra") or ""
    if "--signal" not in extra:
        job.resources.slurm_extra = f"{extra} {SIGNAL}".strip()


def _bare_line_first(validate: Any) -> Any:
    """Read a job's number off a talkative sbatch: ``--parsable`` gives it a line of its own."""

    def read(job_id: str, output: str) -> str:
        bare = re.findall(r"^(\d+)(?:;\S*)?$", output, re.MULTILINE)
        return bare[0] if len(bare) == 1 else str(validate(job_id, output))

    return read
