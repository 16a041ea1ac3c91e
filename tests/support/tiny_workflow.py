"""A study of seconds, run through Snakemake in a folder of its own."""

import json
from pathlib import Path

import numpy as np
import yaml

from tests.conftest import ROOT
from tests.support import warm_snakemake

TINY = {
    "tasks": ["jsb"],
    "variants": ["V", "NP"],
    "trials": 3,
    "kernels": "gluon",
    "threads_per_job": 1,
    "search_space": {"hidden": {"law": "uniform", "low": 3, "high": 5, "integer": True}},
    "protocol": {"epochs": 2},
    "task_settings": {"jsb": {"trials_per_job": 2}},
    "data": {"jsb": {"source": "json", "path": "chorales.json"}},
}


class TinyWorkflow:
    """The tiny study in ``folder``: its config, its data, its runs."""

    def __init__(self, folder: Path, fresh=True):
        self.folder = folder
        if fresh:
            write_chorales(folder / "chorales.json")

    def write_config(self, **changes):
        """Write the config of TINY with changes."""
        config = yaml.safe_load((ROOT / "config.yaml").read_text())
        for overlay in (TINY, changes):
            lay_over(config, overlay)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def start(self, *arguments, profile="local", **changes):
        """Start Snakemake on TINY with changes; its output goes to the file log."""
        self.write_config(**changes)
        options = ["--snakefile", ROOT / "workflow" / "Snakefile", "--directory", self.folder]
        options += ["--profile", ROOT / "profiles" / profile, "--cores", 2]
        arguments = [*map(str, [*options, *arguments])]
        return warm_snakemake.start(arguments, self.folder, self.folder / "log")

    def run(self, target="results/jsb/trials.csv", *options, **changes):
        """Run to the end, which must be a good one; return the log."""
        code = self.start(target, *options, **changes).wait(600)
        log = (self.folder / "log").read_text()
        assert code == 0, log
        return log

    def trial_files(self):
        """Path of each trial's file → when it was written."""
        trials = self.folder / "results" / "trials"
        return {
            str(path.relative_to(trials)): path.stat().st_mtime_ns for path in trials.rglob("*.h5")
        }


def lay_over(config, changes):
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            lay_over(config[key], value)
        else:
            config[key] = value


def write_chorales(path):
    generator = np.random.default_rng(0)

    def chorale():
        return [generator.choice(range(40, 80), 4, replace=False).tolist() for _ in range(6)]

    parts = ("train", "valid", "test")
    path.write_text(json.dumps({part: [chorale() for _ in range(3)] for part in parts}))
