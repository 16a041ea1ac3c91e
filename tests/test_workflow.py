"""The workflow as a user runs it: whole, again, extended, cut into other jobs."""

import re
import subprocess
import sys

import pytest

from odyssey.study import read_study

from .conftest import ROOT
from .tiny_workflow import TinyWorkflow


def snakemake(*arguments, check=True):
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The tiny study, trained once."""
    study = TinyWorkflow(tmp_path_factory.mktemp("study"))
    study.run()
    return study


def test_a_second_run_has_nothing_to_do(study):
    study.run()
    assert "Nothing to be done" in study.run()


def test_more_trials_train_exactly_the_new_ones(study):
    before = study.trial_files()
    study.run(trials=4)
    after = study.trial_files()
    assert {name: after[name] for name in before} == before
    assert {name.rsplit("/", 1)[1] for name in set(after) - set(before)} <= {"3.h5"}


def test_another_block_size_trains_nothing(study):
    study.run(trials=4)
    before = study.trial_files()
    log = study.run(trials=4, task_settings={"jsb": {"trials_per_job": 3}})
    assert "Training trials 0 to 2" in log
    assert study.trial_files() == before


def test_a_change_that_matters_trains_anew(study):
    study.run(trials=1)
    before = study.trial_files()
    study.run(trials=1, protocol={"epochs": 3})
    after = study.trial_files()
    assert after["jsb/V/0.h5"] != before["jsb/V/0.h5"]
    assert "jsb/V/0.other-1.h5" in after


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


def test_the_full_study_is_cut_into_blocks_of_all_trials():
    ran = snakemake("-n", "--profile", "profiles/local", "--forceall", "--quiet", "reason")
    study = read_study(root=ROOT)
    blocks = sum(len(study.block_paths(task)) for task in study.tasks)
    assert re.search(rf"train_trials +{blocks}\n", ran.stdout + ran.stderr)


def test_lint_is_clean():
    ran = snakemake("--lint")
    assert "good condition" in ran.stdout + ran.stderr
