import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks.private_slurm import wait_for
from benchmarks.tiny import tiny_dataset
from odyssey.runs.block import BlockError, prepared, run_block
from odyssey.runs.results import read_block
from odyssey.runs.tables import collect
from odyssey.storage.datasets import write_dataset
from odyssey.storage.tree_file import load_tree, save_tree
from odyssey.study.study import Study
from tests.conftest import ROOT


@pytest.fixture
def data(tmp_path):
    write_dataset(tmp_path / "jsb.h5", tiny_dataset("jsb"))
    return tmp_path / "jsb.h5"


def test_workers_change_nothing_and_trials_are_kept(tiny_study, data, tmp_path):
    run_block(tiny_study, "jsb", "V", 0, 2, data, tmp_path / "a.h5", workers=2)
    times = [tiny_study.trial_path("jsb", "V", k).stat().st_mtime_ns for k in range(3)]
    run_block(tiny_study, "jsb", "V", 0, 3, data, tmp_path / "b.h5", workers=1)
    again = [tiny_study.trial_path("jsb", "V", k).stat().st_mtime_ns for k in range(3)]
    assert times == again  # only trial 3 was trained
    one, two = read_block(tmp_path / "a.h5"), read_block(tmp_path / "b.h5")
    assert [r.settings["trial"] for r in two] == [0, 1, 2, 3]
    for r, s in zip(one, two, strict=False):
        assert (np.asarray(r.curves["test"]) == np.asarray(s.curves["test"])).all()


def test_a_job_over_results_of_the_first_format_writes_the_block_of_today(
    tiny_study, data, tmp_path, caplog
):
    block = tmp_path / "a.h5"
    run_block(tiny_study, "jsb", "V", 0, 2, data, block)
    trials, curves = collect([block])
    for k in range(3):
        path = tiny_study.trial_path("jsb", "V", k)
        old = {name: value for name, value in load_tree(path).items() if name != "untrained"}
        save_tree(path, old | {"format_version": 1})
    block.unlink()  # as Snakemake does before it runs a job again
    run_block(tiny_study, "jsb", "V", 0, 2, data, block)
    again, same_curves = collect([block])
    assert again.equals(trials)  # the seconds too: nothing was trained
    assert same_curves.equals(curves)
    assert "older odyssey" not in caplog.text


def test_a_process_reads_the_data_once(data):
    assert prepared(data) is prepared(data)


def test_an_extension_that_fails_in_a_worker_alone_is_said_as_it_is(tiny_study, data, tmp_path):
    extension = tmp_path / "mine.py"
    extension.write_text(
        "import multiprocessing\nif multiprocessing.parent_process():\n    raise OSError('full')\n"
    )
    study = Study({**tiny_study.config, "extensions": [str(extension)]})
    with pytest.raises(BlockError, match=r"1 of 1 trials failed.*mine\.py, line 3: OSError: full"):
        run_block(study, "jsb", "V", 0, 0, data, tmp_path / "a.h5")


def test_a_failed_trial_is_named_and_the_others_are_kept(tiny_study, data, tmp_path):
    config = json.loads(json.dumps(tiny_study.config))
    blocked = tiny_study.trial_path("jsb", "V", 1)
    blocked.parent.mkdir(parents=True)
    (blocked.parent / "1.h5").mkdir()  # where the trial's file should go
    with pytest.raises(BlockError, match=r"1 of 3 trials failed.*jsb/V/1") as caught:
        run_block(Study(config), "jsb", "V", 0, 2, data, tmp_path / "a.h5", workers=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.h5").exists()
    assert tiny_study.trial_path("jsb", "V", 2).exists()


@pytest.fixture
def small_disk():
    """A file system of a megabyte: its folder, and a function that leaves so many bytes free.

    Not in tmp_path: a mount that a kill leaves behind is one that pytest cannot tidy away.
    """
    with tempfile.TemporaryDirectory(prefix="odyssey-", ignore_cleanup_errors=True) as name:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", name]
        if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a file system")
        folder = Path(name)

        def leave(free):
            (folder / "ballast").unlink(missing_ok=True)
            room = os.statvfs(folder)
            (folder / "ballast").write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - free)))

        yield folder, leave
        subprocess.run(["umount", name], check=True)


@pytest.mark.parametrize("free", [0, 20_000])
def test_a_full_disk_is_one_line_and_nothing_is_lost(tiny_study, data, tmp_path, small_disk, free):
    folder, leave = small_disk
    run_block(tiny_study, "jsb", "V", 0, 2, data, tmp_path / "whole.h5")
    config = json.loads(json.dumps(tiny_study.config)) | {"results": str(folder / "results")}
    study, out = Study(config), folder / "results" / "a.h5"
    leave(free)
    with pytest.raises((BlockError, OSError), match="No space left on device") as caught:
        run_block(study, "jsb", "V", 0, 2, data, out)
    assert "\n" not in str(caught.value)
    assert not list(folder.rglob("*.lease"))
    leave(900_000)
    run_block(study, "jsb", "V", 0, 2, data, out)
    for there, here in zip(read_block(out), read_block(tmp_path / "whole.h5"), strict=True):
        assert (np.asarray(there.curves["test"]) == np.asarray(here.curves["test"])).all()
    assert {path.suffix for path in (folder / "results").rglob("*.*")} == {".h5"}


BLOCK = """
import signal, sys
from pathlib import Path
from odyssey.runs.stopping import Stopped
from tests.runs.test_block import read_again
from odyssey.runs.block import run_block
study, data, out = read_again(sys.argv[1])
try:
    run_block(study, "jsb", "V", 0, 2, data, out, workers=2)
except Stopped as stop:
    sys.exit(str(stop))
"""


def read_again(folder):
    folder = Path(folder)
    return (
        Study(json.loads((folder / "study.json").read_text())),
        folder / "jsb.h5",
        folder / "a.h5",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_to_a_job_saves_every_trial_and_ends_it(tiny_study, data, tmp_path, number):
    config = json.loads(json.dumps(tiny_study.config))
    config["protocol"] |= {"epochs": 300, "patience": 300}
    (tmp_path / "study.json").write_text(json.dumps(config))
    command = [sys.executable, "-c", BLOCK, str(tmp_path)]
    job = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    study = Study(config)
    paths = [study.trial_path("jsb", "V", k) for k in range(3)]  # the two largest begin
    trials = wait_for(
        lambda: (begun := [path for path in paths if path.exists()])[1:] and begun,
        *(120, "two checkpoints"),
    )
    job.send_signal(number)
    _, words = job.communicate(timeout=600)
    assert f"stopped on {number.name}; all trials are saved" in words
    assert job.returncode == 1
    assert [load_tree(path)["status"] for path in trials] == ["running"] * 2  # checkpoints, whole
    assert {path.suffix for path in trials[0].parent.iterdir()} == {".h5"}
