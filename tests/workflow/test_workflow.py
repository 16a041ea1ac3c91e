"""The workflow as a user runs it: whole, again, extended, cut into other jobs."""

import contextlib
import csv
import os
import pty
import re
import signal
import subprocess
import sys

import psutil
import pytest

from benchmarks.private_slurm import wait_for
from odyssey.runs.products import figure_names, products
from odyssey.study.study import read_study
from tests.conftest import ROOT
from tests.support.finished_study import finish, write_block
from tests.support.tiny_workflow import TinyWorkflow


def snakemake(*arguments, check=True):
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check)


#: One variant of the tiny study: half the jobs.
ONE = {"variants": ["V"]}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Vanilla's trials of the tiny study, trained once."""
    study = TinyWorkflow(tmp_path_factory.mktemp("study"))
    study.run(**ONE)
    return study


def test_a_second_run_has_nothing_to_do(study):
    study.run(**ONE)
    assert "Nothing to be done" in study.run(**ONE)


def test_at_a_terminal_a_line_for_each_task_stands_in_place_of_snakemakes_words(study):
    study.run()
    options = ["--snakefile", ROOT / "workflow" / "Snakefile", "--cores", 1]
    command = [sys.executable, "-m", "snakemake", *options, "results/jsb/report.html"]
    ours, theirs = pty.openpty()
    with subprocess.Popen([*map(str, command)], cwd=study.folder, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read_terminal(ours), b"")).decode()
    os.close(ours)
    assert process.returncode == 0, shown
    assert "jsb" in shown
    assert "6 of 6 trials" in shown
    assert "Select jobs to execute" not in shown
    assert "Partial" not in (study.folder / "results/jsb/report.html").read_text()
    logs = sorted((study.folder / ".snakemake/log").glob("*.log"))
    assert "Select jobs to execute" in logs[-1].read_text()


def read_terminal(descriptor):
    """The next bytes; none once the other end is closed, which Linux says with an error."""
    with contextlib.suppress(OSError):
        return os.read(descriptor, 4096)
    return b""


def test_more_trials_train_exactly_the_new_ones(study):
    study.run(**ONE)
    before = study.trial_files()
    study.run(trials=4, **ONE)
    after = study.trial_files()
    assert {name: after[name] for name in before} == before
    assert {name.rsplit("/", 1)[1] for name in set(after) - set(before)} <= {"3.h5"}


def test_another_block_size_trains_nothing(study):
    study.run(trials=4, **ONE)
    before = study.trial_files()
    log = study.run(trials=4, task_settings={"jsb": {"trials_per_job": 3}}, **ONE)
    assert "Training trials 0 to 2" in log
    assert study.trial_files() == before


def test_a_change_that_matters_trains_anew(study):
    study.run(trials=1, **ONE)
    before = study.trial_files()
    study.run(trials=1, protocol={"patience": 14}, **ONE)
    after = study.trial_files()
    assert after["jsb/V/0.h5"] != before["jsb/V/0.h5"]
    assert "jsb/V/0.other-1.h5" in after


def test_more_epochs_go_on_where_finished_trials_end_and_fewer_are_read(tmp_path):
    study = TinyWorkflow(tmp_path)
    one = {"trials": 1, **ONE}
    study.run(protocol={"epochs": 2}, **one)
    trained = study.trial_files()
    study.run(protocol={"epochs": 3}, **one)
    log = (tmp_path / "results/logs/train/jsb/V/0-0.log").read_text()
    assert "jsb/V/0: resumes after epoch 2 and 0 sequences" in log
    longer = study.trial_files()
    assert longer.keys() == trained.keys()
    assert longer != trained
    assert epochs_of(study) == ["3"]
    assert "Nothing to be done" in study.run(protocol={"epochs": 3}, **one)
    study.run(protocol={"epochs": 2}, **one)
    assert study.trial_files() == longer
    assert epochs_of(study) == ["2"]


def epochs_of(study):
    with (study.folder / "results/jsb/trials.csv").open(encoding="utf-8") as table:
        return [row["epochs"] for row in csv.DictReader(table)]


def test_snakemakes_own_report_has_the_figures_with_their_captions(study):
    figure = "results/figures/figure3.svg"
    study.run(figure, trials=1, **ONE)
    study.run(figure, "--report", "own.html", trials=1, **ONE)
    page = (study.folder / "own.html").read_text()
    assert "figure3.svg" in page
    assert "parts that the block cannot do without" in page


def test_one_more_block_renews_its_own_tasks_analysis_alone(tmp_path):
    """A dry run on a study that looks finished, one block of which has other content."""
    workflow, tasks = TinyWorkflow(tmp_path), ["timit", "jsb"]
    settings = {task: {"trials_per_job": 3} for task in tasks}
    changes = {"tasks": tasks, "task_settings": settings}
    workflow.write_config(**changes)
    study = read_study(root=tmp_path)
    with contextlib.chdir(tmp_path):
        finish(study)
        assert "Nothing to be done" in workflow.run("all", "--dry-run", **changes)
        write_block(next(p for p in products(study) if "jsb/NP" in str(p.outputs[0])), "other")
    log = workflow.run("all", "--dry-run", **changes)
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", log, re.M))
    once = ("aggregate_trials", "run_fanova", "compare_variants", "compare_with_paper")
    once += ("join_findings", "report", "all")
    figures = {"plot_figure": str(len(figure_names(tasks)))}
    assert jobs == dict.fromkeys(once, "1") | figures | {"total": str(7 + len(figure_names(tasks)))}
    assert "fANOVA of jsb" in log
    assert "fANOVA of timit" not in log


def test_ctrl_c_saves_ends_and_leaves_a_clean_tree(tmp_path):
    study = TinyWorkflow(tmp_path)
    changes = {**ONE, "trials": 2, "protocol": {"epochs": 2000, "patience": 2000}}
    changes["threads_per_job"] = 2
    main = study.start("results/jsb/trials.csv", **changes)
    wait_for(lambda: main.poll() is not None or len(study.trial_files()) == 2, 300, "checkpoints")
    family = psutil.Process(main.pid).children(recursive=True)
    os.killpg(main.pid, signal.SIGINT)  # as a terminal does it
    assert main.wait(120) != 0
    psutil.wait_procs(family, 60)
    assert not [process for process in family if process.is_running()]
    left = [path.name for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert {"0.h5", "1.h5", "0-1.log"} <= set(left)
    assert not [name for name in left if name.startswith(".") or name.endswith(".lease")]
    assert "stopped on SIGINT; all trials are saved" in (tmp_path / "log").read_text()


def test_trials_that_cannot_succeed_are_a_table_at_the_end_and_stop_no_other(tmp_path):
    study = TinyWorkflow(tmp_path)
    (tmp_path / "results/trials/jsb/V/1.h5").mkdir(parents=True)  # where its file should be
    assert study.start("results/jsb/trials.csv", "--retries", 1, **ONE).wait(600) != 0
    log = (tmp_path / "log").read_text()
    table = log[log.rindex("task") :]
    assert re.search(r"variant +trial +reason", table)
    assert len(re.findall(r"jsb +V +1 +\S", table)) == 1
    assert "directory" in table
    assert "0-1.log" in "".join(table.split())
    assert len(study.trial_files()) == 3
    (tmp_path / "results/trials/jsb/V/1.h5").rmdir()
    before = study.trial_files()
    study.run(**ONE)
    after = study.trial_files()
    assert {name for name in after if after[name] != before.get(name)} == {"jsb/V/1.h5"}


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


def install_profiles(folder):
    command = ["make", "install-profiles", f"XDG_CONFIG_HOME={folder}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_installed_profiles_are_found_by_name_and_replace_nothing(tmp_path):
    for _ in range(2):
        assert install_profiles(tmp_path).returncode == 0
    for name in ("demo", "local", "slurm"):
        assert (tmp_path / "snakemake" / name).samefile(ROOT / "profiles" / name)
    (tmp_path / "snakemake" / "slurm").unlink()
    (tmp_path / "snakemake" / "slurm").mkdir()
    refused = install_profiles(tmp_path)
    assert refused.returncode != 0
    assert "slurm is another profile: move it away first" in refused.stderr


def test_lint_is_clean():
    ran = snakemake("--lint")
    assert "good condition" in ran.stdout + ran.stderr
