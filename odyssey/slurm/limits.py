"""Time limits are cut to what a partition allows; a job that meets such a limit goes on anew."""

import math
from collections.abc import Sequence
from typing import Any

from odyssey.slurm import commands

#: SLURM warns trials two minutes before a limit, or up to a minute earlier; they then save and end.
WARNING_MINUTES = 4


class Limits:
    """The limits of a run's jobs. Jobs are Snakemake's, limits whole minutes."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._partitions: dict[tuple[str, ...], int] = {}
        self._told: set[object] = set()
        self._goes_on: dict[Any, int] = {}  # how often a job may still meet its limit

    def prepare(self, job: Any, partitions: Sequence[str]) -> None:
        """Cut a job's time limit to its resource max_runtime, else to its partitions' MaxTime."""
        asked = job.resources.get("runtime")
        most = _set(job) or self._max_minutes(tuple(partitions))
        if not isinstance(asked, int) or most is None or asked <= most:
            return
        job.resources.runtime = most
        if job.resources.get("resumes"):
            self._goes_on.setdefault(job, math.ceil(asked / most))
        self._tell(job, asked, most, partitions)

    def met(self, job_info: Any) -> bool:
        """Tell whether a job that ended has met a limit that was cut, and may go on in a new one.

        It may as often as the time that was asked for needs; then its end counts as a failure.
        """
        left = self._goes_on.get(job_info.job, 0)
        if not left or not job_info.external_jobid:
            return False
        if not _ended_at_limit(commands.job_fields(job_info.external_jobid)):
            return False
        self._goes_on[job_info.job] = left - 1
        self._logger.info(
            f"SLURM job {job_info.external_jobid} met its time limit, its trials are saved: "
            "a new job with the same resources goes on."
        )
        return True

    def _max_minutes(self, partitions: tuple[str, ...]) -> int | None:
        if partitions not in self._partitions:
            most = commands.max_minutes(partitions)
            if most is None:  # no limit, or no answer: ask again
                return None
            self._partitions[partitions] = most
        return self._partitions[partitions]

    def _tell(self, job: Any, asked: int, most: int, partitions: Sequence[str]) -> None:
        what = (job.name, most)
        if what not in self._told:
            self._told.add(what)
            where = "max_runtime" if _set(job) else ", ".join(partitions)
            self._logger.warning(
                f"The time limit of {job.name}, {asked} minutes, is cut to the {most} that are "
                f"allowed ({where}): a job that needs more saves its trials and goes on anew."
            )


def _set(job: Any) -> int | None:
    """Return the job's resource max_runtime in minutes; ValueError if it is no time."""
    value = job.resources.get("max_runtime")
    if value in (None, ""):
        return None
    most = commands.minutes(str(value))
    if not most:
        raise ValueError(f"max_runtime must be minutes or as 1-12:00:00, got {value!r}: mend it")
    return most


def _ended_at_limit(fields: commands.Fields) -> bool:
    ran = commands.minutes(fields.get("RunTime", ""))
    limit = commands.minutes(fields.get("TimeLimit", ""))
    if fields.get("JobState") not in ("FAILED", "TIMEOUT") or ran is None or limit is None:
        return False
    return ran >= limit - WARNING_MINUTES
