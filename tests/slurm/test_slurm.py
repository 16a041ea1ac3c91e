"""The study on a real SLURM: what goes through it is what a local run gives, whatever dies.

In the storm every trial meets another failure after it was first saved. Its results must be the
bits of an undisturbed local run, and a rerun after all of it must find nothing to do.
"""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.private_slurm import missing, running_cluster, wait_for
from tests.support.slurm_study import SmallStudy

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

STORM = ("killed outright", "cancelled", "dead node", "drained node", "no memory", "time limit")
#: With the brake on a trial takes six minutes, without it some seconds.
LONG = {"trials": len(STORM), "protocol": {"epochs": 100, "patience": 100}}
LEASE_SECONDS = "10"


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODYSSEY_LEASE_SECONDS", LEASE_SECONDS)
        gpus = 1 if os.getuid() == 0 else 0
        nodes = len(STORM) + 2  # a job fills a node; one dies, one takes no more
        with running_cluster(nodes, cpus=3, gpus=gpus) as running:
            yield running


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The long trials, run here."""
    study = SmallStudy(tmp_path_factory.mktemp("undisturbed"), **LONG)
    study.run(target="jsb/trials.csv")
    return study


def not_begun(folder, cluster, undisturbed, **changes):
    """The long trials, their data prepared."""
    study = SmallStudy(folder, cluster, **LONG | changes)
    shutil.copytree(undisturbed.folder / "data", folder / "data")
    return study


def workers(cluster, job):
    """The processes that train a job's trials."""
    return [p for p in cluster.processes(job) if "multiprocessing.spawn" in command_line(p)]


def command_line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def gone(processes):
    return not any(process.is_running() for process in processes)


class Storm:
    """A study to which all of it happens; ``lost`` is each trial's training that was in vain."""

    def __init__(self, study):
        self.study, self.cluster = study, study.cluster
        self.lost, self.ghosts, self.ghost_log = {}, [], ""

    def rage(self):
        self.study.brake.touch()
        main = self.study.start(target="jsb/trials.csv")
        strikes = (self._kill, self._cancel, self._freeze, self._drain, self._feed, self._warn)
        for failure, strike in zip(STORM, strikes, strict=True):
            job = self.study.job_in_training(STORM.index(failure))
            now, processes = time.time(), self.cluster.processes(job)
            strike(job)
            if strike != self._drain:
                self._count_loss(failure, now, [] if strike == self._freeze else processes)
        self._wait_for_log("dead node", "its lease is taken over")
        self._let_the_ghost_go_on()
        self._wait_for_log("no memory", "resumes after epoch")
        self.study.brake.unlink()
        self.study.end(main)

    def _count_loss(self, failure, now, processes):
        """Compare the time of a strike with that of the last save before the job's end."""
        wait_for(lambda: gone(processes), 300, f"the end of the job that was {failure}")
        self.lost[failure] = max(0.0, now - self.file_of(failure).stat().st_mtime)

    def _wait_for_log(self, failure, words):
        trial = STORM.index(failure)
        wait_for(lambda: words in self.study.training_log(trial), 900, f"{words}: {failure}")

    def _let_the_ghost_go_on(self):
        for process in self._frozen:
            process.resume()
        psutil.wait_procs(self.ghosts, 300)
        # Its SLURM log ends with its node; what it could still say is noted beside the trial.
        note = self.file_of("dead node").with_suffix(".failed")
        self.ghost_log = note.read_text() if note.exists() else ""

    def file_of(self, failure):
        return self.study.trial(STORM.index(failure))

    def _kill(self, job):
        workers(self.cluster, job)[0].kill()

    def _cancel(self, job):
        self.cluster("scancel", job)

    def _freeze(self, job):
        self.ghosts = self.cluster.processes(job)
        self._frozen = self.cluster.freeze_node(self.cluster.node_of(job))

    def _drain(self, job):
        node = self.cluster.node_of(job)
        self.cluster("scontrol", "update", f"NodeName={node}", "State=drain", "Reason=test")

    def _feed(self, _job):
        self.study.brake.write_text(str(STORM.index("no memory")))

    def _warn(self, job):
        self.cluster("scontrol", "update", f"JobId={job}", "TimeLimit=2")


@pytest.fixture(scope="module")
def storm(cluster, undisturbed, tmp_path_factory):
    storm = Storm(not_begun(tmp_path_factory.mktemp("storm"), cluster, undisturbed))
    storm.rage()
    return storm


@pytest.mark.parametrize("failure", STORM)
def test_no_failure_changes_a_result(storm, undisturbed, failure):
    trial = STORM.index(failure)
    assert storm.study.result(trial) == undisturbed.result(trial)


@pytest.mark.parametrize("failure", [each for each in STORM if each != "drained node"])
def test_failures_cost_next_to_nothing(storm, failure):
    log = storm.study.training_log(STORM.index(failure))
    assert "resumes after epoch" in log
    assert storm.lost[failure] < 60
    print(f"{failure}: {storm.lost[failure]:.1f} s of training lost")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("time limit", "stopped on SIGUSR1; all trials are saved"),
        ("no memory", "Exceeded job memory limit"),
    ],
)
def test_slurms_log_of_a_failed_job_says_why(storm, failure, words):
    trial = STORM.index(failure)
    logs = list((storm.study.folder / "logs/slurm").rglob(f"*V_{trial}_{trial}/*.log"))
    assert any(words in path.read_text() for path in logs)


def test_a_ghost_from_a_dead_node_stops_without_touching_anything(storm):
    assert "was taken for dead" in storm.ghost_log
    assert gone(storm.ghosts)


def test_a_drained_node_ends_its_job_in_peace(storm):
    assert "resumes" not in storm.study.training_log(STORM.index("drained node"))


def test_after_the_storm_there_is_nothing_to_be_done(storm):
    assert "Nothing to be done" in storm.study.run(target="jsb/trials.csv")
    assert not list((storm.study.folder / "results").rglob("*.lease"))


def test_slurm_and_this_machine_agree_bit_for_bit(cluster, tmp_path):
    changes = {"variants": ["V", "NP"], "trials": 2, "protocol": {"epochs": 3}}
    changes["task_settings"] = {"jsb": {"trials_per_job": 2}}
    target = "jsb/trials.csv"
    here = SmallStudy(tmp_path / "here", **changes)
    there = SmallStudy(tmp_path / "there", cluster, **changes)
    here.run(target=target)
    there.run(target=target)
    assert len(here.results()) == 4
    assert there.results() == here.results()


def test_snakemake_killed_and_started_again_trains_nothing_twice(cluster, undisturbed, tmp_path):
    study = not_begun(tmp_path, cluster, undisturbed, trials=1)
    study.brake.touch()
    target = "jsb/V/trials_0-0.h5"
    main = study.start(target=target)
    first = study.job_in_training()
    assert re.search(r"jsb/V/0 +\d+ +\d+ s ago", study.status())
    main.kill()
    main.wait()
    again = study.start(target=target)
    wait_for(lambda: study.jobs() - {first}, 300, "the second job")
    study.brake.unlink()
    study.end(again)
    assert " starts," not in study.training_log()  # the second job's log is the one that is kept
    assert study.result(0) == undisturbed.result(0)


def test_trials_share_a_gpu_and_ctrl_c_cancels_all(cluster, undisturbed, tmp_path):
    if not cluster.gpus:
        pytest.skip("stand-ins for GPUs are character devices, which only root can make")
    changes = {"trials": 2, "task_settings": {"jsb": {"trials_per_job": 2}}}
    study = not_begun(tmp_path, cluster, undisturbed, **changes)
    study.brake.touch()
    main = study.start("--set-resources", "train_trials:gpu=1", target="jsb/V/trials_0-1.h5")
    job = study.job_in_training(1)
    training = workers(cluster, job)
    assert [p.environ()["CUDA_VISIBLE_DEVICES"] for p in training] == ["0", "0"]
    main.send_signal(signal.SIGINT)
    assert main.wait(300) != 0
    wait_for(lambda: not cluster("squeue", "-h"), 300, "the end of all jobs")
    assert all(Path(study.trial(k)).exists() for k in range(2))
