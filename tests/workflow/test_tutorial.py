"""The tutorial, followed word for word: from the file of sequences to the verdict."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import warm_snakemake

TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
#: Blocks in their order: files as (title, text), commands as ("", text).
STEPS = [
    (match[2] or "", match[3])
    for match in re.finditer(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', TEXT, re.M | re.S)
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout in which all steps were taken; what each command said is in said.txt."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("workflow", "scripts", "profiles"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "config.yaml", folder)
    done = set()
    for title, text in STEPS:
        if title:
            (folder / title).parent.mkdir(exist_ok=True)
            (folder / title).write_text(text, encoding="utf-8")
            continue
        for command in text.splitlines():
            warm = command.startswith("snakemake ") and command in done  # cold once is enough
            code, said = (run_warm if warm else run)(command, folder)
            assert code == 0, said
            done.add(command)
            with (folder / "said.txt").open("a", encoding="utf-8") as file:
                file.write(said)
    return folder


def run(command, folder):
    """Run a command as a shell does; return its exit status and what it said."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    return ran.returncode, ran.stdout


def run_warm(command, folder):
    """Run Snakemake without its imports."""
    log = folder / "log"
    code = warm_snakemake.start(shlex.split(command)[1:], folder, log).wait(600)
    return code, log.read_text(encoding="utf-8")


def test_every_block_is_a_file_or_a_command():
    kinds = re.findall(r"^```(\w*)", TEXT, re.M)
    assert [kind for kind in kinds if kind] == ["python", "sh", "yaml", "sh", "sh", "sh", "sh"]
    assert len(STEPS) == 7


def test_all_trials_of_both_runs_are_in_the_table(checkout):
    with (checkout / "my" / "results" / "trials.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted((row["variant"], int(row["trial"])) for row in rows) == sorted(
        (variant, k) for variant in ("V", "NFG") for k in range(40)
    )


def test_the_verdict_is_the_tutorials(checkout):
    page = (checkout / "my" / "results" / "report.html").read_text(encoding="utf-8")
    assert "NFG significantly worse than vanilla; none significantly better than vanilla" in page
    assert "<h1>Random search, after" in page


def test_the_commands_said_what_the_tutorial_says(checkout):
    said = (checkout / "said.txt").read_text(encoding="utf-8")
    assert "A study can run here." in said
    assert "40 of 40 trials are done." in said
    assert "core time" in said
    for file in re.findall(r"`(my/results/[\w.]+)`", TEXT):
        assert (checkout / file).exists(), file
