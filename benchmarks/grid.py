"""The whole grid through the workflow on a private SLURM, with a trainer that only sleeps.

``python -m benchmarks.grid [--trials-per-job N] [--nodes 16] [--seconds 10]`` shows what a run of
5,400 trials costs beside the training: Snakemake's time and memory, calls of SLURM's commands. All
nodes are this machine, so that its cores, not the grid, may be the limit.
"""

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import psutil
import yaml

from benchmarks.private_slurm import Cluster, running_cluster
from benchmarks.tiny import tiny_dataset
from odyssey.runs.plan import plan
from odyssey.storage.datasets import write_dataset
from odyssey.study.study import Study, read_study

ROOT = Path(__file__).parents[1]
SLEEPER = Path(__file__).with_name("sleeper")
THREADS = 3  # as in profiles/slurm


@click.command()
@click.option("--trials-per-job", type=int, help="In place of the config's; 1: 5,400 jobs.")
@click.option("--nodes", default=16, help="Each takes eight jobs at a time.")
@click.option("--seconds", default=10.0, help="That a job sleeps, on average.")
@click.option(
    "--at-once", default=600, help="Jobs in the queue: few, if this machine has few cores."
)
@click.option("--dry-run", is_flag=True, help="Only build the graph of jobs.")
def main(
    trials_per_job: int | None, nodes: int, seconds: float, at_once: int, dry_run: bool
) -> None:
    """Run the grid and print what it took."""
    with tempfile.TemporaryDirectory(prefix="grid-") as folder:
        study = _prepare(Path(folder), trials_per_job)
        jobs = [job for task in plan(study, THREADS) for job in task.jobs]
        click.echo(f"{len(jobs)} training jobs of {study.trials('jsb') * 27} trials")
        targets = [f"results/{task}/trials.csv" for task in study.tasks]
        profile = ["--profile", "profiles/slurm", "--configfile", "grid.yaml"]
        if dry_run:
            command = [*profile, "--executor", "local", "--cores", "1", "-n", "--quiet", "all"]
            _report(_watch(Path(folder), [*command, "--", *targets], dict(os.environ)))
            return
        with running_cluster(nodes, cpus=8 * THREADS, memory=64_000) as cluster:
            fraction = seconds * len(jobs) / sum(jobs)
            environment = cluster.environment | {"SLEEPER_FRACTION": str(fraction)}
            environment["PYTHONPATH"] = str(SLEEPER)
            arguments = [*profile, "--jobs", str(at_once), "--", *targets]
            usage = _watch(Path(folder), arguments, environment)
            _report(usage)
            _report_calls(cluster, usage["wall"])
        trials = len(list(Path(folder, "results/trials").rglob("*.h5")))
        click.echo(f"{trials} trials have a result")


def _prepare(folder: Path, trials_per_job: int | None) -> Study:
    for part in ("workflow", "scripts", "profiles"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "config.yaml", folder)
    changes: dict[str, object] = {"kernels": "gluon"}  # which nobody has to build
    tasks = ("timit", "iamondb", "jsb")
    if trials_per_job:
        changes["task_settings"] = {task: {"trials_per_job": trials_per_job} for task in tasks}
    (folder / "grid.yaml").write_text(yaml.safe_dump(changes), encoding="utf-8")
    (folder / "data").mkdir()
    for task in tasks:
        write_dataset(folder / "data" / f"{task}.h5", tiny_dataset(task))
    return read_study([folder / "grid.yaml"], folder)


def _watch(folder: Path, arguments: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run Snakemake; return its wall and CPU seconds and the MiB that it had at its peak."""
    began, peak, cpu = time.monotonic(), 0.0, 0.0
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "snakemake", *arguments]
        main = psutil.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        while main.poll() is None:
            with main.oneshot():
                peak = max(peak, main.memory_info().rss / 2**20)
                cpu = sum(main.cpu_times()[:2])
            time.sleep(0.2)
    if main.returncode:
        sys.exit("\n".join((folder / "log.txt").read_text(encoding="utf-8").splitlines()[-20:]))
    return {"wall": time.monotonic() - began, "cpu": cpu, "peak": peak}


def _report(usage: dict[str, float]) -> None:
    text = "Snakemake: {wall:.0f} s on the wall, {cpu:.0f} s of a core, {peak:.0f} MiB"
    click.echo(text.format(**usage))


def _report_calls(cluster: Cluster, seconds: float) -> None:
    calls = (cluster.folder / "calls").read_text(encoding="utf-8").split()
    for command, number in Counter(calls).items():
        click.echo(f"{command}: {number} calls, {60 * number / seconds:.1f} a minute")


if __name__ == "__main__":
    main()
