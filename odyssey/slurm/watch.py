"""What a run's jobs wait for, and whether SLURM still knows them; each reason is told once."""

from collections.abc import Mapping, Sequence
from typing import Any

from odyssey.slurm import commands
from odyssey.slurm.words import stuck

#: A job counts as forgotten if squeue answered so often without it.
LOOKS = 3


class Watch:
    """Looks at the jobs of the run that SLURM knows by the name ``run``."""

    def __init__(self, run: str, logger: Any) -> None:
        self._run, self._logger = run, logger
        self._told: set[tuple[str, str]] = set()
        self._missing: dict[str, int] = {}
        self._silent = False

    def answered(self, yes: bool) -> None:
        """Note whether SLURM told the states of jobs; a silence is told once."""
        if yes:
            self._silent = False
        elif not self._silent:
            self._silent = True
            self._logger.warning(
                "SLURM does not tell how the jobs are: it is asked again, nothing counts as failed."
            )

    def forgotten(self, jobs: Sequence[Any]) -> list[tuple[Any, str]]:
        """Return the jobs that SLURM has forgotten, with how they ended if accounting knows.

        Jobs that may wait for ever are told on the way.
        """
        reasons = self._reasons()
        if reasons is None:
            return []
        self._tell_stuck(reasons)
        missing = {job.external_jobid: job for job in jobs if job.external_jobid not in reasons}
        self._missing = {name: self._missing.get(name, 0) + 1 for name in missing}
        gone = [name for name, times in self._missing.items() if times >= LOOKS]
        return [
            (missing[name], commands.accounted_state(name))
            for name in gone
            if commands.forgotten(name)
        ]

    def _reasons(self) -> Mapping[str, str] | None:
        """Return SLURM job → why it waits, or '' ; None if squeue does not answer."""
        answer = commands.ask(
            *("squeue", "--noheader", "--states=all", "--name", self._run, "--format=%i|%t|%r")
        )
        if answer.code != 0:
            return None
        rows = (line.split("|", 2) for line in answer.out.splitlines() if line.count("|") >= 2)
        return {job.strip(): reason.strip() if state == "PD" else "" for job, state, reason in rows}

    def _tell_stuck(self, reasons: Mapping[str, str]) -> None:
        by_reason: dict[str, list[str]] = {}
        for job, reason in reasons.items():
            if stuck(reason) and (job, reason) not in self._told:
                by_reason.setdefault(reason, []).append(job)
        for reason, jobs in by_reason.items():
            self._told.update((job, reason) for job in jobs)
            self._logger.warning(
                f"{len(jobs)} job(s) may wait for ever, as SLURM job {jobs[0]} ({reason}): "
                f"{stuck(reason)}."
            )
