"""The tutorial, followed word for word: from the file of sequences to the verdict."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

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
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (folder / "said.txt").open("w", encoding="utf-8") as said:
        for title, text in STEPS:
            if title:
                (folder / title).parent.mkdir(exist_ok=True)
                (folder / title).write_text(text, encoding="utf-8")
            else:
                command = ["bash", "-euo", "pipefail", "-c", text]
                code = subprocess.run(
                    command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
                ).returncode
                assert code == 0, (text, (folder / "said.txt").read_text(encoding="utf-8"))
    return folder


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
