"""SLURM as clusters have it: it refuses, caps, forgets, falls silent; a run bears all of it.

``cluster.instead`` lets one of SLURM's commands do something else for a while; all else is real.
"""

import getpass
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.private_slurm import missing, running_cluster, wait_for
from odyssey.checks.slurm import slurm_rows
from odyssey.study.study import load_study
from tests.conftest import ROOT
from tests.support.slurm_study import PROFILE, SmallStudy

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

BLOCK = "jsb/V/trials_0-0.h5"
#: What sbatch of SLURM 22.05 says at a user's limit of jobs.
FULL = (
    'echo "sbatch: error: AssocMaxSubmitJobLimit" >&2; '
    'echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy '
    "(job submit limit, user's size and/or time limits)\" >&2; exit 1\n"
)


#: For tests that put the brake on: epochs of three seconds and more each. SLURM looks every 30 s
#: whether a job's time is up.
BRAKED = pytest.mark.parametrize("study", [6], indirect=True, ids=["braked"])
BRAKED_LONG = pytest.mark.parametrize("study", [15], indirect=True, ids=["braked"])


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODYSSEY_LEASE_SECONDS", "10")
        with running_cluster(nodes=3, cpus=3) as running:
            yield running


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    study = SmallStudy(tmp_path_factory.mktemp("prepared"))
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", "--cores", "2"]
    command += ["--configfile", "study.yaml", "--", "data/jsb.h5"]
    subprocess.run(
        command, cwd=study.folder, env=study.environment, check=True, capture_output=True
    )
    return study.folder / "data"


@pytest.fixture
def study(cluster, prepared, tmp_path, request):
    """A study of one trial whose data are prepared; BRAKED it takes minutes."""
    protocol = {"epochs": getattr(request, "param", 2), "patience": 100}
    study = SmallStudy(tmp_path, cluster, protocol=protocol)
    shutil.copytree(prepared, tmp_path / "data")
    yield study
    for guest in cluster.guests:
        guest.kill()
        guest.wait()
    cluster.guests.clear()
    cluster("scancel", "--user", getpass.getuser())
    wait_for(lambda: not study.jobs(), 300, "the end of all jobs")


def said(study, words, seconds=300):
    """Wait until Snakemake has said something."""
    wait_for(lambda: words in study.log(), seconds, f"{words!r} in {study.log()}")


def ended(main, study, seconds=60):
    """Wait for a Snakemake that must fail; return its log."""
    assert main.wait(seconds) == 1, study.log()
    assert "Traceback" not in study.log()
    return study.log()


def asked_for(study):
    """Return [memory, time limit] of all jobs of the study's blocks, oldest first."""
    columns = ("-h", "--states=all", "--sort=i", "--format=%k|%Z|%m|%l")
    rows = [line.split("|") for line in study.cluster("squeue", *columns).splitlines()]
    return [row[2:] for row in rows if "train_trials" in row[0] and row[1] == str(study.folder)]


def test_a_refusal_at_a_limit_waits_and_asks_for_the_same(cluster, study):
    with cluster.instead("sbatch", FULL) as limit:
        main = study.start(target=BLOCK)
        said(study, "takes no job now (AssocMaxSubmitJobLimit;")
        said(study, "asking again in 10 s")
        assert asked_for(study) == []
        limit.unlink()
        study.end(main)
    assert len(asked_for(study)) == 1
    assert "restart" not in study.log()


def test_ctrl_c_while_sbatch_is_refused_ends_the_run_at_once(cluster, study):
    with cluster.instead("sbatch", FULL):
        main = study.start(target=BLOCK)
        said(study, "asking again in 10 s")
        main.send_signal(signal.SIGINT)
        assert "Traceback" not in ended(main, study, 20)


def test_a_name_that_slurm_does_not_know_ends_the_run_in_its_words(cluster, study):
    resources = ("--default-resources", "slurm_partition=nope", "mem_mb=600")
    log = ended(study.start(*resources, target=BLOCK), study)
    assert "Invalid partition name specified" in log
    assert "restart" not in log


def test_an_account_that_is_not_the_users_ends_the_run(cluster, study):
    with cluster.instead("sacctmgr", "echo my-project; exit\n"):
        main = study.start("--default-resources", "slurm_account=my-projekt", target=BLOCK)
        log = ended(main, study)
    assert "account my-projekt appears to be invalid. Available accounts: my-project" in log


def test_accounting_that_does_not_answer_leaves_the_account_to_sbatch(cluster, study):
    down = "echo 'Connection refused' >&2; exit 1\n"
    with cluster.instead("sacctmgr", down), cluster.instead("sshare", down):
        study.run("--default-resources", "slurm_account=my-project", target=BLOCK)


def test_an_option_that_the_plugin_does_not_allow_ends_the_run(cluster, study):
    log = ended(study.start("--default-resources", "slurm_extra='--qos=x'", target=BLOCK), study)
    assert "option is not allowed in the 'slurm_extra' parameter" in log


def test_what_no_node_has_fails_without_further_attempts(cluster, study):
    log = ended(study.start("--set-resources", "train_trials:mem_mb=99999", target=BLOCK), study)
    assert "Requested node configuration is not available" in log
    assert "restart" not in log


def test_a_job_on_a_gpu_asks_for_one_and_for_no_tasks_per_gpu(cluster, study):
    arguments = study.folder / "arguments"
    with cluster.instead("sbatch", f'echo "$*" >>{arguments}\n'):
        ended(study.start("--set-resources", "train_trials:gpu=1", target=BLOCK), study)
    assert "--cpus-per-task=" in arguments.read_text()
    assert "--gpus=1" in arguments.read_text()
    assert "--ntasks-per-gpu" not in arguments.read_text()


@BRAKED_LONG
def test_a_job_that_meets_a_cut_time_limit_goes_on_with_the_same_resources(cluster, study):
    study.brake.touch()
    cluster("scontrol", "update", "PartitionName=main", "MaxTime=30")
    try:
        main = study.start("--set-resources", "train_trials:runtime=60", target=BLOCK)
        job = study.job_in_training()
        said(study, "time limit of train_trials, 60 minutes, is cut to the 30 that are allowed")
        cluster("scontrol", "update", f"JobId={job}", "TimeLimit=2")
        said(study, f"SLURM job {job} met its time limit, its trials are saved")
        study.brake.unlink()
        study.end(main)
    finally:
        cluster("scontrol", "update", "PartitionName=main", "MaxTime=INFINITE")
    assert [limit for _, limit in asked_for(study)] == ["2:00", "30:00"]
    assert len({memory for memory, _ in asked_for(study)}) == 1
    assert "resumes after epoch" in study.training_log()
    assert "restart" not in study.log()


def test_a_job_that_would_wait_for_ever_is_told(cluster, study):
    cluster("scontrol", "update", "PartitionName=main", "MaxTime=30")
    try:
        limits = "train_trials:runtime=60", "train_trials:max_runtime=90"
        study.start("--set-resources", *limits, target=BLOCK)
        said(study, "1 job(s) may wait for ever, as SLURM job")
        said(study, "(PartitionTimeLimit): its time limit is beyond the partition's")
    finally:
        cluster("scontrol", "update", "PartitionName=main", "MaxTime=INFINITE")


@BRAKED
def test_jobs_outlive_a_squeue_that_does_not_answer(cluster, study):
    study.brake.touch()
    main = study.start(target=BLOCK)
    study.job_in_training()
    with cluster.instead("squeue", "exit 1\n"):
        said(study, "SLURM does not tell how the jobs are")
    study.brake.unlink()
    study.end(main)
    assert len(asked_for(study)) == 1


@BRAKED
def test_a_job_that_slurm_has_forgotten_is_submitted_again(cluster, study):
    study.brake.touch()
    main = study.start(target=BLOCK)
    job = study.job_in_training()
    unknown = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1\n"
    only_jobs = f'case "$*" in *"show job"*) {unknown.strip()};; esac\n'
    with cluster.instead("squeue", "exit 0\n"), cluster.instead("scontrol", only_jobs):
        said(study, f"SLURM knows job {job} no more")
    cluster("scancel", job)
    study.brake.unlink()
    study.end(main)


def test_a_users_own_variables_and_a_talkative_sbatch_change_nothing(cluster, study):
    study.environment |= {"SBATCH_GRES": "gpu:9", "SBATCH_WAIT": "1", "SQUEUE_STATES": "FAILED"}
    study.environment |= {"SLURM_CPUS_PER_TASK": "7", "SBATCH_MEM_PER_CPU": "9999999"}
    arguments = study.folder / "arguments"
    talk = f'echo "$*" >>{arguments}; echo "Jobs in your quota: 3 of 100"\n'
    with cluster.instead("sbatch", talk):
        study.run("--default-resources", "mem_mb=1000", target=BLOCK)
    assert "--signal=USR1@120" in arguments.read_text()


def test_a_check_tells_what_the_cluster_has_and_what_a_study_asks_for(cluster, monkeypatch):
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, cluster.environment[name])
    study = load_study(
        yaml.safe_load((ROOT / "config.yaml").read_text()),
        ROOT / "workflow/schemas/config.schema.yaml",
    )
    rows = {row.name: row for row in slurm_rows(study)}
    assert {row.state for row in rows.values()} == {"ok"}
    assert rows["SLURM partition"].text == "main, MaxTime UNLIMITED, state UP"
    assert rows["SLURM MinJobAge"].text == "300 s: squeue tells how jobs ended"
    assert rows["SLURM nodes"].text == "jobs of training ask for 3 cores and 2600 MiB"
    assert {row.name: row.state for row in slurm_rows(study, workers=9)}["SLURM nodes"] == "fail"
    cluster("scontrol", "update", "PartitionName=main", "MaxTime=30")
    try:
        limits = {row.name: row for row in slurm_rows(study)}["SLURM time limits"]
    finally:
        cluster("scontrol", "update", "PartitionName=main", "MaxTime=INFINITE")
    assert limits.state == "warn"
    assert "cut to the 30 that the partition allows" in limits.text


def test_snakemake_may_run_inside_an_allocation(cluster, study):
    command = [sys.executable, "-m", "snakemake", *PROFILE, "--configfile", "study.yaml"]
    wrap = shlex.join([*command, "--", f"results/{BLOCK}"])
    subprocess.run(
        ["sbatch", "--wait", "--mem=1500", "--output=log.txt", "--wrap", wrap],
        cwd=study.folder,
        env=study.environment,
        check=True,
        timeout=600,
    )
    assert "Snakemake runs inside SLURM job" in study.log()
    assert study.trial().exists()


@BRAKED
def test_the_job_that_holds_snakemake_goes_back_to_the_queue_and_resumes(cluster, study):
    study.brake.touch()
    study.environment["SNAKEMAKE"] = shutil.which("snakemake", path=Path(sys.executable).parent)
    command = ["sbatch", "--parsable", "--output=log.txt", "profiles/slurm/hold.sh"]
    command += [*PROFILE[2:], "--configfile", "study.yaml", "--", f"results/{BLOCK}"]
    holder = subprocess.run(
        command, cwd=study.folder, env=study.environment, check=True, capture_output=True, text=True
    ).stdout.strip()
    job = study.job_in_training()
    cluster("scancel", "--batch", "--signal=USR1", holder)  # as SLURM does before the limit
    said(study, "goes back to the queue")
    wait_for(lambda: job not in study.jobs(), 300, "the end of the job in training")
    study.brake.unlink()
    # It starts again after cred_expire seconds; before them a node may refuse its credential.
    wait_for((study.folder / "results" / BLOCK).exists, 600, f"the block: {study.log()}")
    assert "resumes after epoch" in study.training_log()
    states = ("squeue", "-h", "--states=all", "-j", holder, "-o", "%T")
    wait_for(lambda: cluster(*states) == "COMPLETED", 300, f"the end of {holder}")


def test_inside_an_image_slurm_is_asked_through_the_host_and_jobs_enter_the_image(
    cluster, study, tmp_path
):
    # Stand-ins for the two programs that the image needs of its surroundings: the host takes its
    # own PATH, the image only notes that it was entered. SLURM and all else are real.
    outside = tmp_path / "outside"
    outside.mkdir()
    path, inside = study.environment["PATH"], ROOT / "packaging" / "container" / "bin"
    host = (
        f'#!/bin/bash\nexport PATH={shlex.quote(f"{outside}:{path}")}\nexec bash -c "${{@: -1}}"\n'
    )
    enter = f'#!/bin/bash\necho "$2" >> {tmp_path}/entered\nshift 2\nexport PATH={inside}:$PATH\n'
    for name, text in {"ssh": host, "apptainer": enter + 'exec "$@"\n'}.items():
        (outside / name).write_text(text)
        (outside / name).chmod(0o755)
    study.environment["PATH"] = f"{inside}:{outside}:{path}"
    study.environment["ODYSSEY_IMAGE"] = "/it's here/odyssey.sif"
    study.run(target=BLOCK)
    assert study.trial().exists()
    assert (tmp_path / "entered").read_text().splitlines() == ["/it's here/odyssey.sif"]
