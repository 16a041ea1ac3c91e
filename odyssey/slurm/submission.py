"""Submission to SLURM by Snakemake's plugin 2.6.1, with patience and without loss.

The plugin submits in threads and drops their exceptions, so that a job is awaited for ever. It
takes every refusal for a failed attempt, after which more memory and time are asked for.
"""

import os
import re
import shlex
import threading
import time
from collections.abc import Iterator
from typing import Any

from odyssey.slurm.limits import Limits
from odyssey.slurm.words import in_one_line, verdict

#: Seconds between two askings after a refusal: they double up to the second.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 240.0
#: SLURM's warning to the trials, two to three minutes before a time limit.
SIGNAL = "--signal=USR1@120"


def patient(plugin: Any) -> Any:
    """Return the plugin's executor class with a submission that waits and reports.

    Of the plugin itself only the way in which it reads a job's number is changed.
    """
    plugin.validate_or_get_slurm_job_id = _bare_line_first(plugin.validate_or_get_slurm_job_id)

    class PatientExecutor(plugin.Executor):  # type: ignore[misc]
        """Submits as the plugin does; what a method adds is said in its first line."""

        _limits: Limits

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._closing = self._accepted = False
            self._one_asks = threading.Lock()
            self._refusal = threading.local()
            self._hopeless: dict[Any, str] = {}
            self._accounts: dict[Any, str] = {}
            super().__init__(*arguments, **options)

        def __post_init__(self, *arguments: Any, **options: Any) -> None:
            """Guess no account: sbatch knows the user's own, or SBATCH_ACCOUNT."""
            super().__post_init__(*arguments, **options)
            self._fallback_account_arg = ""
            if "SBATCH_PARTITION" in os.environ:
                self._fallback_partition = ""
            self._limits = Limits(self.logger)

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

    return PatientExecutor


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
