"""Turns of several Snakemakes in one folder."""

import subprocess
import sys

from odyssey.storage.lease import holding, is_held

# What workflow/rules/start.smk does.
RUN = """
import os, sys
from pathlib import Path
from odyssey.runs.turn import take_turn

if take_turn(Path(sys.argv[1]), lambda words: print(words, flush=True)):
    print("again", flush=True)
    os.execv(sys.executable, sys.orig_argv)
print("works", flush=True)
"""


def test_who_waited_starts_again_and_works(tmp_path):
    lease = tmp_path / "snakemake.lease"
    command = [sys.executable, "-c", RUN, str(lease)]
    with holding(lease):
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert "works on" in other.stdout.readline()
    try:
        said, _ = other.communicate(timeout=100)  # less than it takes a lease to expire
    finally:
        other.kill()
    assert said.splitlines() == ["again", "works"]
    assert not is_held(lease)
