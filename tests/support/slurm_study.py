"""A small study in a folder of its own, run here or through a private SLURM."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.private_slurm import Cluster, wait_for
from odyssey.storage.tree_file import load_tree
from tests.conftest import ROOT

CONFIG: dict[str, Any] = {
    "tasks": ["jsb"],
    "variants": ["V"],
    "trials": 1,
    "kernels": "gluon",
    "threads_per_job": 1,
    "search_space": {
        "hidden": {"law": "uniform", "low": 3, "high": 5, "integer": True},
        "learning_rate": {"law": "log-uniform", "low": 1e-6, "high": 1e-5},
    },
    "task_settings": {"jsb": {"trials_per_job": 1}},
    "data": {"jsb": {"source": "json", "path": "chorales.json"}},
}
#: Times and hosts: all else of two runs must be equal, bit for bit.
PLACE_AND_TIME = {"seconds", "host", "finished"}
#: What makes trials dawdle while the file SmallStudy.brake is there.
BRAKE = Path(__file__).with_name("brake.py")
#: The profile as it is, but with a watch that suits jobs of seconds.
PROFILE = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")
PROFILE += ("--latency-wait", "5", "--retries", "2")


class SmallStudy:
    """A copy of the workflow with a config; ``environment`` is the cluster's, or this process's."""

    def __init__(self, folder: Path, cluster: Cluster | None = None, **changes: Any) -> None:
        self.folder, self.cluster = folder, cluster
        folder.mkdir(exist_ok=True)
        for part in ("workflow", "scripts", "profiles"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "config.yaml", folder)
        (folder / "study.yaml").write_text(
            yaml.safe_dump({**CONFIG, "extensions": [str(BRAKE)], **changes})
        )
        (folder / "chorales.json").write_text(json.dumps(_chorales()))
        self.brake = folder / "brake"
        self.environment = dict(cluster.environment if cluster else os.environ)
        self.environment |= {"BRAKE": str(self.brake)}

    def start(self, *arguments: str, target: str = "trials.csv") -> "subprocess.Popen[bytes]":
        """Start Snakemake; its log is log.txt."""
        profile = PROFILE if self.cluster else ("--profile", "profiles/local", "--cores", "2")
        command = [sys.executable, "-m", "snakemake", *profile, "--configfile", "study.yaml"]
        command += [*arguments, "--", f"results/{target}"]
        with (self.folder / "log.txt").open("wb") as log:
            main = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        if self.cluster:
            self.cluster.guests.append(main)
        return main

    def run(self, *arguments: str, target: str = "trials.csv", timeout: float = 900) -> str:
        """Run Snakemake to its end; return its log."""
        return self.end(self.start(*arguments, target=target), timeout)

    def end(self, main: "subprocess.Popen[bytes]", timeout: float = 900) -> str:
        """Wait for a Snakemake that must succeed; return its log."""
        code = main.wait(timeout)
        assert code == 0, self.log()
        return self.log()

    def log(self) -> str:
        """Return what Snakemake said so far."""
        path = self.folder / "log.txt"
        return path.read_text() if path.exists() else ""

    def log_of(self, trial: int = 0) -> Path | None:
        """Return where the job that begins with a trial says how it gets on; None between two."""
        return next((self.folder / "results/logs/train/jsb/V").glob(f"{trial}-*.log"), None)

    def training_log(self, trial: int = 0) -> str:
        """Return what the last attempt at such a job said; Snakemake removes earlier ones."""
        path = self.log_of(trial)
        return path.read_text() if path else ""

    def trial(self, number: int = 0) -> Path:
        """Return where a trial's file is."""
        return self.folder / f"results/trials/jsb/V/{number}.h5"

    def job_in_training(self, trial: int = 0) -> str:
        """Return the running SLURM job of a trial, once that has been saved for the first time."""
        wait_for(self.trial(trial).exists, 900, f"the first checkpoint: {self.log()}")
        return wait_for(partial(self._running_job, trial), 300, f"the job of {trial}: {self.log()}")

    def _running_job(self, trial: int) -> str:
        assert self.cluster is not None
        jobs = self.cluster("squeue", "-h", "-t", "running", "-o", "%A %k").splitlines()
        pattern = re.compile(r"(\d+) rule_train_trials_wildcards_jsb_V_(\d+)_(\d+)")
        found = [match for match in map(pattern.match, jobs) if match]
        return next((m[1] for m in found if int(m[2]) <= trial <= int(m[3])), "")

    def status(self) -> str:
        """Return what ``odyssey status`` shows of the study."""
        command = [sys.executable, "-c", "from odyssey.cli import main; main()", "status"]
        command += ["--configfile", "study.yaml"]
        shown = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True)
        return shown.stdout

    def jobs(self) -> set[str]:
        """Return all SLURM jobs, of whatever study, that wait or run."""
        assert self.cluster is not None
        return set(self.cluster("squeue", "-h", "-t", "pending,running", "-o", "%A").split())

    def result(self, trial: int) -> Any:
        """Return the content of a finished trial's file, times and hosts apart."""
        return _bits(load_tree(self.trial(trial)))

    def results(self) -> dict[str, Any]:
        """Return path → content of all trials' files, times and hosts apart."""
        files = sorted((self.folder / "results/trials").rglob("*.h5"))
        return {str(path.relative_to(self.folder)): _bits(load_tree(path)) for path in files}


def _bits(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bits(v) for key, v in value.items() if key not in PLACE_AND_TIME}
    return (
        (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
    )


def _chorales() -> dict[str, list[list[list[int]]]]:
    generator = np.random.default_rng(0)
    return {
        part: [
            [sorted(generator.choice(range(40, 80), 4, replace=False).tolist()) for _ in range(6)]
            for _ in range(4)
        ]
        for part in ("train", "valid", "test")
    }
