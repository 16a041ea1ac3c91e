"""The workflow as a user runs it: whole, again, extended, cut into other jobs."""

import json
import subprocess
import sys

import numpy as np
import pytest
import yaml

from .conftest import ROOT

TINY = {
    "tasks": ["jsb"],
    "variants": ["V", "NP"],
    "trials": 3,
    "kernels": "gluon",
    "search_space": {"hidden": {"law": "uniform", "low": 3, "high": 5, "integer": True}},
    "protocol": {"epochs": 2},
    "task_settings": {"jsb": {"trials_per_job": 2}},
}


def snakemake(*arguments, check=True):
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Runs the tiny study with changes to its config; gives the log and the trial files."""
    folder = tmp_path_factory.mktemp("study")
    generator = np.random.default_rng(0)
    chorales = {
        part: [
            [generator.choice(range(40, 80), 4, replace=False).tolist() for _ in range(6)]
            for _ in range(3)
        ]
        for part in ("train", "valid", "test")
    }
    (folder / "chorales.json").write_text(json.dumps(chorales))

    def run(target="trials.csv", **changes):
        config = (
            TINY
            | changes
            | {
                "results": str(folder / "results"),
                "data_folder": str(folder / "data"),
                "data": {"jsb": {"source": "json", "path": str(folder / "chorales.json")}},
            }
        )
        (folder / "study.yaml").write_text(yaml.safe_dump(config))
        ran = snakemake(
            *("--profile", "profiles/local", "--cores", 2, "--nolock"),
            *("--configfile", folder / "study.yaml", "--", folder / "results" / target),
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        files = (folder / "results" / "trials").rglob("*.h5")
        return ran.stdout + ran.stderr, {
            str(f.relative_to(folder / "results")): f.stat().st_mtime_ns for f in files
        }

    run()
    return run


def test_a_second_run_has_nothing_to_do(study):
    log, _ = study()
    assert "Nothing to be done" in log


def test_more_trials_train_exactly_the_new_ones(study):
    _, before = study()
    _, after = study(trials=4)
    assert {name: after[name] for name in before} == before
    assert {name.rsplit("/", 1)[1] for name in set(after) - set(before)} == {"3.h5"}


def test_another_block_size_trains_nothing(study):
    _, before = study(trials=4)
    log, after = study(trials=4, task_settings={"jsb": {"trials_per_job": 3}})
    assert "train_trials" in log
    assert after == before


def test_a_bad_config_is_one_clear_line():
    ran = snakemake("-n", "--config", "trials=0", check=False)
    assert ran.returncode != 0
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if "trials: 0 is less" in line]
    assert len(lines) == 1


def test_a_dry_run_of_the_full_study_needs_no_mxnet():
    code = (
        "import sys\n"
        "from snakemake.cli import main\n"
        "try:\n    main(['-n', '--quiet', 'all', '--profile', 'profiles/local'])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print('mxnet' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().splitlines()[-1] == "False"


def test_the_full_study_has_5400_trials():
    log = snakemake("-n", "--profile", "profiles/local", "--forceall").stdout
    expected = 0
    for block in ("timit", "iamondb", "jsb"):
        settings = yaml.safe_load((ROOT / "config.yaml").read_text())["task_settings"][block]
        expected += 9 * -(-200 // settings["trials_per_job"])
    assert f"train_trials  {expected}" in " ".join(log.split()).replace(
        "train_trials ", "train_trials  "
    )


def test_lint_is_clean():
    assert "good condition" in snakemake("--lint").stderr
