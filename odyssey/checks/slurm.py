"""Whether a study's jobs can run on this machine's SLURM: one row per check, in one line each."""

import os
import re
import shutil
from collections.abc import Iterator

from odyssey.checks.check import Row
from odyssey.runs.plan import memory, time_limit
from odyssey.slurm import commands
from odyssey.slurm.words import in_one_line
from odyssey.study.study import Study

NEEDED = ("sbatch", "squeue", "scontrol", "scancel", "sinfo")
#: Seconds for which a finished job must be remembered: three of the plugin's looks at the least.
LEAST_AGE = 120


def slurm_rows(study: Study | None = None, workers: int = 3) -> list[Row]:
    """Check the SLURM that sbatch would speak to; without sbatch there is one row.

    ``workers`` is the number of trials that a job trains at a time, as the profile sets it.
    """
    absent = [name for name in NEEDED if not shutil.which(name)]
    if len(absent) == len(NEEDED):
        return [Row("SLURM", "warn", "no sbatch here: only the local profile can be used")]
    if absent:
        return [Row("SLURM", "fail", f"needs {', '.join(absent)} on the PATH: use a login node")]
    answer = commands.ask("scontrol", "show", "config")
    if answer.code != 0:
        text = f"sbatch is here, but SLURM does not answer ({in_one_line(answer.err)})"
        return [Row("SLURM", "warn", f"{text}: only the local profile can be used")]
    config = commands.config_fields()
    rows = [_version(), *_allocation(), _account(config), _memory_of_ended_jobs(config)]
    rows += _partition_rows(default_partition())
    return [*rows, *(_study_rows(study, workers) if study else [])]


def default_partition() -> str:
    """Return the partition that a job gets that names none; empty if there is none."""
    named = os.environ.get("SBATCH_PARTITION", "")
    if named:
        return named
    names = commands.ask("sinfo", "--noheader", "--format=%P").out.split()
    return next((name.rstrip("*") for name in names if name.endswith("*")), "")


def _version() -> Row:
    version = commands.ask("sbatch", "--version").out.strip()
    return Row("SLURM", "ok", version or "answers, but does not tell its version")


def _allocation() -> Iterator[Row]:
    if job := os.environ.get("SLURM_JOB_ID"):
        text = f"this is SLURM job {job}: Snakemake can run here, until the job's time limit"
        yield Row("SLURM allocation", "warn", f"{text}; profiles/slurm/hold.sh requeues itself")


def _account(config: commands.Fields) -> Row:
    """Whether accounting knows the user; sbatch decides where it does not answer."""
    if "slurmdbd" not in config.get("AccountingStorageType", ""):
        return Row("SLURM account", "ok", "none needed: the cluster has no accounting")
    user = commands.ask("whoami").out.strip()
    query = ("sacctmgr", "-n", "-P", "-s", "list", "user", user, "format=account")
    answer = commands.ask(*query)
    accounts = sorted(set(answer.out.split()))
    if answer.code != 0:
        return Row("SLURM account", "warn", f"not to be had: {in_one_line(answer.err)}")
    if not accounts:
        text = f"accounting knows no account of {user}: ask for one, sbatch may refuse every job"
        return Row("SLURM account", "warn", text)
    return Row("SLURM account", "ok", f"yours: {', '.join(accounts)} (slurm_account)")


def _memory_of_ended_jobs(config: commands.Fields) -> Row:
    found = re.match(r"\d+", config.get("MinJobAge", ""))
    age = int(found[0]) if found else 0
    if age >= LEAST_AGE:
        return Row("SLURM MinJobAge", "ok", f"{age} s: squeue tells how jobs ended")
    accounted = "slurmdbd" in config.get("AccountingStorageType", "") and shutil.which("sacct")
    text = f"ended jobs are forgotten after {age} s: "
    if accounted:
        return Row("SLURM MinJobAge", "ok", f"{text}sacct tells how they ended")
    return Row(
        "SLURM MinJobAge", "warn", f"{text}some will be taken for failed and run again, resuming"
    )


def _partition_rows(partition: str) -> Iterator[Row]:
    if not partition:
        yield Row("SLURM partition", "warn", "there is no default: set slurm_partition")
        return
    fields = commands.partition_fields(partition)
    if not fields:
        yield Row("SLURM partition", "fail", f"SLURM knows no partition {partition}")
        return
    state = fields.get("State", "?")
    text = f"{partition}, MaxTime {fields.get('MaxTime', '?')}, state {state}"
    yield Row("SLURM partition", "ok" if state == "UP" else "warn", text)


def _study_rows(study: Study, workers: int) -> Iterator[Row]:
    """Compare what a study's first attempts ask for with what the default partition has."""
    minutes, most = _longest(study, workers), commands.max_minutes([default_partition()])
    text = f"up to {minutes} minutes"
    if most is not None and minutes > most:
        text += f", cut to the {most} that the partition allows: long jobs go on in a new one"
        yield Row("SLURM time limits", "warn", text)
    else:
        yield Row("SLURM time limits", "ok", text)
    nodes = commands.ask("sinfo", "--noheader", "--Node", "--format=%c %m %G").out.splitlines()
    found = [line.split(maxsplit=2) for line in nodes]
    nodes_have = [(int(c), int(m), gres) for c, m, gres in found if c.isdigit() and m.isdigit()]
    if nodes_have:
        yield _size(nodes_have, workers)
        gpu_tasks = [task for task in study.tasks if study.device(task) == "gpu"]
        if gpu_tasks and not any("gpu" in gres for *_, gres in nodes_have):
            yield Row("SLURM GPUs", "fail", f"no node has one for {', '.join(gpu_tasks)}")


def _size(nodes: list[tuple[int, int, str]], workers: int) -> Row:
    asked = f"jobs of training ask for {workers} cores and {memory(workers)} MiB"
    if any(cores >= workers and have >= memory(workers) for cores, have, _ in nodes):
        return Row("SLURM nodes", "ok", asked)
    if max(have for _, have, _ in nodes) <= 1:
        text = f"{asked}; SLURM was not told its nodes' memory: set mem_mb: 0 in the profile"
        return Row("SLURM nodes", "fail", text)
    cores, have = max(c for c, _, _ in nodes), max(m for _, m, _ in nodes)
    text = f"{asked}; no node has both (at most {cores} cores, {have} MiB): lower set-threads"
    return Row("SLURM nodes", "fail", text)


def _longest(study: Study, workers: int) -> int:
    """Return the longest time limit of a first attempt, in minutes."""
    return max(
        time_limit(study, study.at_a_time(task, workers), 1, *block)
        for task in study.tasks
        for block in study.blocks(task)
    )
