"""The image: its recipes agree, its commands do what they say; it is built where Docker runs."""

import re
import shlex
import shutil
import subprocess

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "packaging" / "container"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
DEFINITION = (FOLDER / "odyssey.def").read_text(encoding="utf-8")


def works(*command):
    """Whether a container engine is there and its service answers."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def test_both_recipes_install_the_same():
    packages = re.compile(r"--no-install-recommends \\\s+([\w. +-]+)")
    one, two = (packages.search(recipe)[1].split() for recipe in (DOCKERFILE, DEFINITION))
    assert one[:2] == two[:2] == ["ca-certificates", "g++"]
    assert one == two
    assert DOCKERFILE.count("FROM debian:12-slim") == DEFINITION.count("From: debian:12-slim") == 1
    for recipe in (DOCKERFILE, DEFINITION):
        assert "sh packaging/container/install" in recipe
        assert "/opt/odyssey/packaging/container/bin:/opt/odyssey/.venv/bin:$PATH" in recipe
    assert re.search(r"^USER (?!root|0)", DOCKERFILE, re.M)


def test_what_is_not_of_the_repository_stays_out_of_the_image():
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines():
        name = line.strip("/")
        if not line.startswith(".") and "*" not in line and "__" not in line:
            assert name in ignored, line
            assert re.search(rf"rm -rf [^\n]*\b{name}\b", DEFINITION), line


@pytest.fixture
def host(tmp_path):
    """A folder that stands for the host: its ssh prints the command that it is given."""
    (tmp_path / "ssh").write_text('#!/bin/sh\nshift 3\nprintf "%s" "$1"\n')
    (tmp_path / "ssh").chmod(0o755)
    return tmp_path


def client(host, name, *arguments, **variables):
    environment = {"PATH": f"{FOLDER / 'bin'}:{host}:/usr/bin:/bin", **variables}
    return subprocess.run(
        [FOLDER / "bin" / name, *arguments],
        cwd=host,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("word", ["a b", "it's", '"$HOME"', "a\nb", "*", "", "\\"])
def test_words_reach_the_host_as_they_are(host, word):
    said = client(host, "squeue", "-h", word).stdout
    echo = said.replace("'squeue'", "'printf' '%s|'")
    ran = subprocess.run(["bash", "-c", echo], capture_output=True, text=True, check=True)
    assert ran.stdout == f"-h|{word}|"


def test_a_job_enters_the_image_in_a_step(host):
    said = client(
        host, "sbatch", "--parsable", "--wrap=python -m 'a b' && x", ODYSSEY_IMAGE="/o.sif"
    )
    *_, name, option, wrap = shlex.split(said.stdout)
    assert [name, option] == ["sbatch", "--parsable"]
    step = shlex.split(wrap.removeprefix("--wrap="))
    assert step[:3] == ["srun", "-n1", "--cpu-bind=q"]
    assert step[-6:] == ["apptainer", "exec", "/o.sif", "sh", "-c", "python -m 'a b' && x"]


def test_without_an_image_a_job_is_refused_in_one_line(host):
    said = client(host, "sbatch", "--wrap=true")
    assert said.returncode == 2
    assert said.stderr == "a job needs the image: export ODYSSEY_IMAGE=/path/to/odyssey.sif\n"


def test_a_step_inside_the_image_is_its_command(host):
    assert client(host, "srun", "-n1", "--cpu-bind=q", "echo", "-n", "a  b").stdout == "a  b"


@pytest.mark.parametrize(
    "name", ["sbatch", "squeue", "scontrol", "scancel", "sinfo", "sacct", "sacctmgr"]
)
def test_every_command_of_slurm_that_a_run_gives_is_asked_of_the_host(host, name):
    said = client(host, name, "x", SBATCH_ACCOUNT="mine", SBATCH_GRES="gpu:8").stdout
    assert shlex.split(said) == ["cd", str(host), "&&", "env", "SBATCH_ACCOUNT=mine", name, "x"]


@pytest.mark.parametrize(
    ("named", "command"), [("./snake make", "./snake make"), ("env A=b ./run", "./run")]
)
def test_the_job_that_holds_snakemake_takes_a_path_or_words(tmp_path, named, command):
    script = tmp_path / command.removeprefix("./")
    script.write_text('#!/bin/sh\necho "$A|$*"\n')
    script.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "SLURM_SUBMIT_DIR": str(tmp_path), "SNAKEMAKE": named}
    hold = ["bash", ROOT / "profiles" / "slurm" / "hold.sh", "--configfile", "my study.yaml"]
    environment |= {"ODYSSEY_PROFILE": "local"}
    ran = subprocess.run(hold, env=environment, capture_output=True, text=True, check=True)
    first = "b" if "A=b" in named else ""
    assert ran.stdout == f"{first}|--profile local --configfile my study.yaml\n"


@pytest.mark.skipif(
    not works("docker", "info"),
    reason="needs Docker with its service: the image is not tested here",
)
def test_the_image_trains_a_trial_read_only_and_as_anyone(tmp_path):
    build = ["docker", "build", "-q", "-f", FOLDER / "Dockerfile", "-t", "odyssey-test", ROOT]
    subprocess.run(build, check=True)
    tmp_path.chmod(0o777)
    shutil.copy(ROOT / "tests" / "support" / "one_trial.yaml", tmp_path)
    run = ["docker", "run", "--rm", "--read-only", "--network=none", "--user=4321:4321"]
    run += ["--tmpfs=/tmp", "--shm-size=1g", "-v", f"{tmp_path}:/study", "odyssey-test"]
    run += ["--profile", "local", "--cores", "1", "--configfile", "one_trial.yaml"]
    subprocess.run([*run, "--", "results/trials.csv"], check=True)
    assert (tmp_path / "results" / "trials.csv").exists()
