import dataclasses
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
import yaml
from click.testing import CliRunner

from odyssey import lease
from odyssey.block import run_block
from odyssey.cli import main
from odyssey.datasets import write_dataset
from odyssey.progress import Progress, outlook, survey
from odyssey.results import note_failure
from odyssey.study import Study
from odyssey.trial import run_trial

from .conftest import ROOT, tiny_dataset


@pytest.fixture
def study(tiny_study, tmp_path):
    """Trials 0 and 1 are in a block, 2 is done, 3 has failed; one task, two variants."""
    config = json.loads(json.dumps(tiny_study.config)) | {"tasks": ["jsb"], "variants": ["V", "NP"]}
    config["task_settings"]["jsb"]["trials_per_job"] = 2
    study = Study(config)
    data = tiny_dataset("jsb")
    write_dataset(tmp_path / "jsb.h5", data)
    run_block(study, "jsb", "V", 0, 1, tmp_path / "jsb.h5", study.block_path("jsb", "V", 0, 1))
    run_trial(study.trial("jsb", "V", 2), data, study.trial_path("jsb", "V", 2), "gluon")
    note_failure(study.trial_path("jsb", "V", 3), "its process died; see a log")
    return study


def states(study, variant="V"):
    return [trial.state for trial in survey(study) if trial.variant == variant]


def test_states_come_from_the_files(study):
    assert states(study) == ["finished", "finished", "finished", "failed"]
    assert states(study, "NP") == ["waiting"] * 4


def test_looking_touches_nothing(study):
    files = sorted(study.results.rglob("*"))
    before = [(path, path.stat().st_mtime_ns) for path in files if path.is_file()]
    list(survey(study))
    files = sorted(study.results.rglob("*"))
    assert [(path, path.stat().st_mtime_ns) for path in files if path.is_file()] == before


def test_a_held_lease_is_a_running_trial(study):
    path = study.trial_path("jsb", "NP", 1).with_suffix(".lease")
    with lease.holding(path):
        assert states(study, "NP")[1] == "running"
        os.utime(path, (1, 1))
        assert states(study, "NP")[1] == "waiting"


def read_until(screen, words, seconds=60):
    """Read what comes on a terminal until all words were there since the call."""
    seen, deadline = "", time.monotonic() + seconds
    while not all(word in seen for word in words):
        assert time.monotonic() < deadline, seen
        if select.select([screen], [], [], 1.0)[0]:
            seen += os.read(screen, 4096).decode(errors="replace")
    return seen


def test_watch_follows_a_study_in_place_and_ends_on_ctrl_c(study, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(dict(study.config)))
    (tmp_path / "workflow").symlink_to(ROOT / "workflow")
    screen, terminal = pty.openpty()
    command = [sys.executable, "-c", "from odyssey.cli import main; main()", "status", "--watch"]
    watch = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "50"},
    )
    os.close(terminal)
    read_until(screen, ["3 of 8 trials are done", "Nothing is running."])
    with lease.holding(study.trial_path("jsb", "NP", 1).with_suffix(".lease")):
        read_until(screen, ["jsb/NP/1", "none yet"])
    watch.send_signal(signal.SIGINT)
    read_until(screen, ["3 of 8 trials are done", "Nothing is running."])
    assert watch.wait(30) == 0
    os.close(screen)


def test_a_file_that_was_replaced_is_looked_at_again(study):
    path = study.trial_path("jsb", "V", 2)
    assert states(study)[2] == "finished"
    os.replace(study.trial_path("jsb", "V", 0), path)
    assert states(study)[2] == "waiting"


def test_results_of_other_settings_do_not_count(study):
    config = json.loads(json.dumps(study.config))
    config["protocol"]["epochs"] = 2
    assert states(Study(config))[:3] == ["waiting"] * 3


def test_the_outlook_extrapolates_the_latest_trials():
    now = time.time()
    done = [Progress("jsb", "V", k, "finished", ended=now - 60 * (10 - k)) for k in range(10)]
    waiting = [Progress("jsb", "V", k, "waiting") for k in range(30)]
    view = outlook(done + waiting)
    assert view.trials_per_hour == pytest.approx(54, rel=0.02)
    assert view.hours_left == pytest.approx(30 / 54, rel=0.02)
    assert outlook(waiting).trials_per_hour == 0


def test_the_commands_print_a_screenful(study, tmp_path, monkeypatch):
    monkeypatch.setattr("odyssey.study.read_study", lambda files: study)
    ran = CliRunner().invoke(main, ["status"])
    assert ran.exit_code == 0, ran.output
    assert "3 of 8 trials are done" in ran.output
    ran = CliRunner().invoke(main, ["status", "--failures"])
    assert "its process died; see a log" in ran.output
    ran = CliRunner().invoke(main, ["inspect", str(study.trial_path("jsb", "V", 2))])
    assert "jsb/V/2 (finished)" in ran.output
    assert max(len(line) for line in ran.output.splitlines()) <= 80
    ran = CliRunner().invoke(main, ["inspect", str(study.block_path("jsb", "V", 0, 1))])
    assert ran.output.count("finished") == 2
    (tmp_path / "a.h5").write_text("x")
    ran = CliRunner().invoke(main, ["inspect", str(tmp_path / "a.h5")])
    assert ran.exit_code == 1
    assert "not a file of odyssey's" in ran.output


def test_inspect_shows_the_untrained_net_of_a_trial_that_diverged_at_once(study, tmp_path):
    spec = study.trial("jsb", "V", 0)
    wild = dict(spec.hyperparameters) | {"learning_rate": 1e38, "momentum": 0.0}
    spec = dataclasses.replace(spec, hyperparameters=wild)
    result = run_trial(spec, tiny_dataset("jsb"), tmp_path / "0.h5", "gluon")
    ran = CliRunner().invoke(main, ["inspect", str(tmp_path / "0.h5")])
    assert "in epoch 1" in ran.output
    assert f"valid {result.untrained['valid']:.3f}, test {result.best('test'):.3f}" in ran.output
