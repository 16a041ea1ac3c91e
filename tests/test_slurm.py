"""The study on a real SLURM: what goes through it is what a local run gives, whatever dies.

Each failure hits a trial that has been saved at least once; its results must be the bits of an
undisturbed local run, and a rerun after it must find nothing to do.
"""

import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest

from .slurm import missing, running_cluster, wait_for
from .slurm_study import SmallStudy

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(missing()), reason=missing())]

BLOCK = "jsb/V/trials_0-0.h5"
#: A trial long enough to be hit: seconds.
LONG = {"protocol": {"epochs": 300, "patience": 300}}


@pytest.fixture(scope="module")
def cluster():
    gpus = 2 if os.getuid() == 0 else 0
    os.environ["ODYSSEY_LEASE_SECONDS"] = "8"
    with running_cluster(gpus=gpus) as running:
        yield running
    del os.environ["ODYSSEY_LEASE_SECONDS"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The long trial, run here."""
    study = SmallStudy(tmp_path_factory.mktemp("undisturbed"), **LONG)
    study.run(target=BLOCK)
    return study


@pytest.fixture
def study(cluster, undisturbed, tmp_path):
    """The long trial, not begun, its data prepared."""
    study = SmallStudy(tmp_path, cluster, **LONG)
    shutil.copytree(undisturbed.folder / "data", tmp_path / "data")
    return study


def assert_unharmed(study, undisturbed):
    assert study.results() == undisturbed.results()
    assert "Nothing to be done" in study.run(target=BLOCK)
    assert not list((study.folder / "results").rglob("*.lease"))


def worker(cluster, job):
    """The process that trains a job's trial."""
    found = [p for p in cluster.processes(job) if "spawn_main" in " ".join(p.cmdline())]
    return found[-1]


def pending_signals(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    masks = [line.split()[1] for line in status.splitlines() if "Pnd:" in line]
    bits = int(masks[0], 16) | int(masks[1], 16)
    return {number for number in range(1, 64) if bits >> (number - 1) & 1}


def test_slurm_and_this_machine_agree_bit_for_bit(cluster, tmp_path):
    changes = {"variants": ["V", "NP"], "trials": 3, "protocol": {"epochs": 3}}
    changes["task_settings"] = {"jsb": {"trials_per_job": 2}}
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here = SmallStudy(tmp_path / "here", **changes)
    there = SmallStudy(tmp_path / "there", cluster, **changes)
    here.run()
    there.run()
    assert len(here.results()) == 6
    assert there.results() == here.results()
    assert "Nothing to be done" in there.run()


def test_a_trial_killed_outright_resumes(cluster, study, undisturbed):
    main = study.start(target=BLOCK)
    worker(cluster, study.job_in_training()).kill()
    study.end(main)
    assert "resumes after epoch" in study.training_log()
    assert_unharmed(study, undisturbed)


def test_a_cancelled_job_saves_and_resumes(cluster, study, undisturbed):
    main = study.start(target=BLOCK)
    cluster("scancel", study.job_in_training())
    study.end(main)
    assert "resumes after epoch" in study.training_log()
    assert_unharmed(study, undisturbed)


def test_the_warning_before_a_time_limit_saves_and_the_retry_resumes(cluster, study, undisturbed):
    main = study.start(target=BLOCK)
    job = study.job_in_training()
    trial = worker(cluster, job)
    trial.suspend()  # until the warning is there
    cluster("scontrol", "update", f"JobId={job}", "TimeLimit=2")
    wait_for(lambda: signal.SIGUSR1 in pending_signals(trial), 90, "SLURM's warning")
    trial.resume()
    study.end(main)
    assert "resumes after epoch" in study.training_log()
    assert_unharmed(study, undisturbed)


def test_a_job_out_of_memory_is_retried_with_more(cluster, study, undisturbed):
    main = study.start(
        "--set-resources", "train_trials:mem_mb=350 + 1500 * (attempt - 1)", target=BLOCK
    )
    log = study.end(main)
    assert "Trying to restart" in log
    assert_unharmed(study, undisturbed)


def test_a_dead_node_loses_its_job_and_its_ghost_touches_nothing(cluster, study, undisturbed):
    main = study.start(target=BLOCK)
    job = study.job_in_training()
    node = cluster.node_of(job)
    ghost = worker(cluster, job)
    frozen = cluster.freeze_node(node)
    wait_for(
        lambda: "took" in study.training_log() or "taken over" in study.training_log(),
        120,
        "a retry that takes over",
    )
    before = study.trial().stat().st_mtime_ns
    for process in frozen:
        process.resume()
    psutil.wait_procs([ghost], 30)
    assert not ghost.is_running()
    assert "was taken for dead" in study.training_log()
    study.end(main)
    assert study.trial().stat().st_mtime_ns > before
    cluster.start_node(node)
    assert_unharmed(study, undisturbed)


def test_a_drained_node_ends_its_job_in_peace(cluster, study, undisturbed):
    main = study.start(target=BLOCK)
    node = cluster.node_of(study.job_in_training())
    cluster("scontrol", "update", f"NodeName={node}", "State=drain", "Reason=test")
    log = study.end(main)
    cluster("scontrol", "update", f"NodeName={node}", "State=resume")
    assert "Trying to restart" not in log
    assert_unharmed(study, undisturbed)


def test_snakemake_killed_and_started_again_trains_nothing_twice(cluster, study, undisturbed):
    main = study.start(target=BLOCK)
    study.job_in_training()
    main.kill()
    main.wait()
    study.start("--unlock", target=BLOCK).wait()
    study.run(target=BLOCK)
    assert study.training_log().count("starts") == 1
    wait_for(lambda: not cluster("squeue", "-h"), 60, "the first job's end")
    assert_unharmed(study, undisturbed)


def test_trials_share_a_gpu_and_ctrl_c_cancels_all(cluster, study):
    if not cluster.gpus:
        pytest.skip("stand-ins for GPUs are character devices, which only root can make")
    main = study.start(
        *("--set-resources", "train_trials:gpu=1", "--set-threads", "train_trials=2"), target=BLOCK
    )
    job = study.job_in_training()
    assert worker(cluster, job).environ()["CUDA_VISIBLE_DEVICES"] == "0"
    main.send_signal(signal.SIGINT)
    assert main.wait(60) != 0
    wait_for(lambda: not cluster("squeue", "-h"), 60, "the end of all jobs")
