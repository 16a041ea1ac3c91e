"""Questions to SLURM's commands. None raises: a cluster that does not answer says nothing."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Fields = Mapping[str, str]

#: A busy controller may take long; nobody waits longer, in seconds.
PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """What a command said; ``code`` is None where there is no such command or it never ended."""

    code: int | None
    out: str = ""
    err: str = ""


def ask(*command: str, seconds: float = PATIENCE) -> Answer:
    """Run one of SLURM's commands to its end."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Answer(None, err=str(error))
    return Answer(done.returncode, done.stdout, done.stderr)


def minutes(limit: str) -> int | None:
    """Return a time limit as SLURM writes it in whole minutes; None if there is no limit.

    Examples: ``30``, ``04:00:00``, ``1-12:00:00``, ``UNLIMITED``.
    """
    days, dash, clock = limit.strip().rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in (*parts, days if dash else "0")):
        return None
    numbers = [int(part) for part in parts]
    if days:  # days-hours[:minutes[:seconds]]
        hours, mins, seconds = (*numbers, 0, 0)[:3]
    elif len(numbers) == 3:
        hours, mins, seconds = numbers
    else:  # minutes[:seconds]
        hours, mins, seconds = 0, numbers[0], (*numbers, 0)[1]
    return (int(days or 0) * 24 + hours) * 60 + mins + seconds // 60


def partition_fields(name: str) -> Fields:
    """Return what ``scontrol show partition`` says of one; empty if it is not known."""
    return _fields(ask("scontrol", "--oneliner", "show", "partition", name).out)


def job_fields(job: str) -> Fields:
    """Return what ``scontrol show job`` says of one; empty if SLURM has forgotten it."""
    return _fields(ask("scontrol", "--oneliner", "show", "job", job).out)


def config_fields() -> Fields:
    """Return the cluster's configuration; empty if it is not to be had."""
    lines = (line.partition("=") for line in ask("scontrol", "show", "config").out.splitlines())
    return {key.strip(): value.strip() for key, _, value in lines if value}


def max_minutes(partitions: Iterable[str]) -> int | None:
    """Return the longest MaxTime of some partitions in minutes; None if one has no limit."""
    found = [minutes(_max_time(name)) for name in partitions]
    known = [limit for limit in found if limit is not None]
    return max(known) if found and len(known) == len(found) else None


def _max_time(partition: str) -> str:
    said = partition_fields(partition).get("MaxTime", "")
    return said or ask("sinfo", "--noheader", "--partition", partition, "--format=%l").out.strip()


def forgotten(job: str) -> bool:
    """Tell whether SLURM says that it knows no such job, rather than nothing at all."""
    return "invalid job id" in ask("scontrol", "show", "job", job).err.lower()


def accounted_state(job: str) -> str:
    """Return how a job ended after accounting, as COMPLETED; empty without accounting."""
    out = ask("sacct", "-X", "-n", "-P", "-o", "State", "-j", job).out.split()
    return out[0] if out else ""


def _fields(line: str) -> dict[str, str]:
    """Return KEY=VALUE pairs of a record in one line; values of the study's jobs have no blanks."""
    fields: dict[str, str] = {}
    for word in line.split():
        key, equals, value = word.partition("=")
        if equals and re.fullmatch(r"[A-Za-z][\w/:]*", key):
            fields.setdefault(key, value)
    return fields
