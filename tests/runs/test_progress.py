import dataclasses
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from benchmarks.tiny import tiny_dataset
from odyssey.cli import main
from odyssey.runs.block import run_block
from odyssey.runs.progress import Progress, outlook, survey
from odyssey.runs.results import TRIAL, note_failure
from odyssey.runs.trial import run_trial
from odyssey.storage import lease
from odyssey.storage.datasets import write_dataset
from odyssey.storage.tree_file import load_tree, save_tree
from odyssey.study.study import Study
from odyssey.views import progress as views
from tests.conftest import ROOT, tiny_study_in


def study_in(folder):
    """One task, two variants, two trials a block."""
    config = dict(tiny_study_in(folder).config) | {"tasks": ["jsb"], "variants": ["V", "NP"]}
    config["task_settings"]["jsb"]["trials_per_job"] = 2
    return Study(config)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of ``study``, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    study, data = study_in(folder), tiny_dataset("jsb")
    write_dataset(folder / "jsb.h5", data)
    run_block(study, "jsb", "V", 0, 1, folder / "jsb.h5", study.block_path("jsb", "V", 0, 1))
    run_trial(study.trial("jsb", "V", 2), data, study.trial_path("jsb", "V", 2), "gluon")
    note_failure(study.trial_path("jsb", "V", 3), "its process died; see a log")
    return folder


@pytest.fixture
def study(made, tmp_path):
    """Trials 0 and 1 are in a block, 2 is done, 3 has failed."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return study_in(tmp_path)


def write_config(folder, study, **changes):
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(study.config) | changes))


@pytest.fixture
def begun(tiny_study, tmp_path):
    """A study of one task and variant in a folder of its own, one of its four trials done."""
    config = json.loads(json.dumps(tiny_study.config)) | {"tasks": ["jsb"], "variants": ["V"]}
    study = Study(config | {"results": str(tmp_path / "my study" / "results")})
    run_trial(
        *(study.trial("jsb", "V", 2), tiny_dataset("jsb"), study.trial_path("jsb", "V", 2)), "gluon"
    )
    write_config(tmp_path / "my study", study, results="results", data_folder="data")
    return tmp_path / "my study"


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
    write_config(tmp_path, study)
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
    config["protocol"]["patience"] = 1
    assert states(Study(config))[:3] == ["waiting"] * 3


def test_other_numbers_of_epochs_are_the_same_run(study):
    config = json.loads(json.dumps(study.config))
    for epochs, state in ((2, "finished"), (4, "paused")):
        config["protocol"]["epochs"] = epochs
        found = [trial for trial in survey(Study(config)) if trial.variant == "V"]
        assert [trial.state for trial in found] == [state] * 3 + ["failed"]
        assert [trial.epoch for trial in found] == [min(3, epochs)] * 3 + [0]


def test_a_result_that_cannot_go_on_waits_once_more_epochs_are_asked_for(study):
    path, config = study.trial_path("jsb", "V", 2), json.loads(json.dumps(study.config))
    save_tree(path, {name: each for name, each in load_tree(path).items() if name != "state"})
    for epochs, state in ((2, "finished"), (3, "finished"), (4, "waiting")):
        config["protocol"]["epochs"] = epochs
        assert states(Study(config))[2] == state


def test_the_outlook_extrapolates_the_latest_trials():
    now = time.time()
    done = [Progress("jsb", "V", k, "finished", ended=now - 60 * (10 - k)) for k in range(10)]
    waiting = [Progress("jsb", "V", k, "waiting") for k in range(30)]
    view = outlook(done + waiting)
    assert view.trials_per_hour == pytest.approx(54, rel=0.02)
    assert view.hours_left == pytest.approx(30 / 54, rel=0.02)
    assert outlook(waiting).trials_per_hour == 0


def shown(trials, monkeypatch, lines=None):
    monkeypatch.setattr(views, "survey", lambda study: iter(trials))
    screen = Console(width=80, height=lines, file=io.StringIO())
    screen.print(views.status_view(None, lines))
    return screen.file.getvalue()


def grid(searches, per_search, state="waiting"):
    return [Progress("jsb", f"V{n}", k, state) for n in range(searches) for k in range(per_search)]


def test_the_first_lines_say_how_much_when_and_what_needs_a_look(monkeypatch):
    now = time.time()
    done = [Progress("jsb", "V", k, "finished", ended=now - 60 * (10 - k)) for k in range(10)]
    rest = [*grid(1, 8), Progress("jsb", "V", 18, "running"), Progress("jsb", "V", 19, "failed")]
    first, second, third = shown([*done, *rest], monkeypatch).splitlines()[:3]
    assert first == "█" * 12 + "░" * 12 + " 50%: 10 of 20 trials are done."
    assert re.match(
        r"54 an hour lately: about 11\.1 min left, done on \w+ \d+ \w+ at ..:..\.", second
    )
    assert third == "1 failed: odyssey status --failures says why."


def test_a_study_at_which_nobody_works_says_what_to_do(monkeypatch):
    now = time.time()
    done = [Progress("jsb", "V", k, "finished", ended=now - 60 * (10 - k)) for k in range(10)]
    text = shown([*done, *grid(1, 10)], monkeypatch)
    assert "about 11.1 min left once it goes on." in text
    assert "Nothing is running. To go on, give the command that started the study again." in text
    assert "give the command" not in shown(done, monkeypatch)


@pytest.mark.parametrize("lines", [24, 30, 60])
@pytest.mark.parametrize("searches", [2, 27])
def test_what_is_watched_fits_the_terminal(monkeypatch, lines, searches):
    trials = [*grid(searches, 3, "running"), *grid(searches, 2)]
    text = shown(trials, monkeypatch, lines)
    assert len(text.splitlines()) <= lines
    assert ("all 27" in text) == (searches == 27 and lines < 60)
    assert "jsb/V0/0" in text
    assert shown(trials, monkeypatch).count("%") == searches + 1


def test_the_commands_print_a_screenful(study, tmp_path, monkeypatch):
    write_config(tmp_path, study)
    monkeypatch.chdir(tmp_path)
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
    ran = CliRunner().invoke(main, ["inspect", str(tmp_path / "jsb.h5")])
    assert ran.exit_code == 0, ran.output
    assert "random numbers" in ran.output  # prepared data are told about too


def test_a_study_is_found_from_every_folder_of_it_and_by_name(begun, monkeypatch):
    """Its own relative paths count from its folder, files on the command line from here."""
    inner, outputs = begun / "docs" / "deep", set()
    inner.mkdir(parents=True)
    (inner / "mine.yaml").write_text("trials: 3\n")
    for folder, options in [(begun, []), (inner, []), (begun.parent, ["--directory", "my study"])]:
        monkeypatch.chdir(folder)
        ran = CliRunner().invoke(main, ["status", *options])
        assert ran.exit_code == 0, ran.output
        outputs.add(ran.output)
        assert Path.cwd() == folder
    assert len(outputs) == 1
    assert "1 of 4 trials are done" in outputs.pop()
    monkeypatch.chdir(inner)
    ran = CliRunner().invoke(main, ["status", "--configfile", "mine.yaml"])
    assert "1 of 3 trials are done" in ran.output


def test_status_and_plan_without_a_study_end_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("trials: 0\n")
    for command in ("status", "plan"):
        for options, words in [
            ([], "no config.yaml in this folder or above it"),
            (["--directory", str(tmp_path)], f"{tmp_path / 'config.yaml'}: can't be read"),
            (["--directory", str(ROOT), "--configfile", "bad.yaml"], "config: trials: 0 is less"),
        ]:
            ran = CliRunner().invoke(main, [command, *options])
            assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
            assert ran.output.startswith(f"Error: {words}")
            assert ran.output.count("\n") == 1


def test_watching_needs_a_terminal(begun):
    ran = CliRunner().invoke(main, ["status", "--watch", "--directory", str(begun)])
    assert (ran.exit_code, ran.output.count("\n")) == (1, 1)
    assert "--watch needs a terminal" in ran.output


def odyssey(folder, command, **environment):
    code = f"{sys.executable} -c 'from odyssey.cli import main; main()' {command}"
    return subprocess.run(
        ["bash", "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )


def test_any_reader_terminal_and_locale_gets_something_and_no_traceback(begun):
    assert "Traceback" not in odyssey(begun, "status | true").stderr
    for environment in ({"COLUMNS": "1"}, {"TERM": ""}, {"PYTHONIOENCODING": "ascii"}):
        for command in ("status", "inspect results/trials/jsb/V/2.h5"):
            ran = odyssey(begun, command, **environment)
            assert (ran.returncode, ran.stderr) == (0, "")
            assert "trial" in ran.stdout


def write_text(path):
    path.write_text("x")


def write_a_folder_less_file(path):
    with h5py.File(path, "w") as file:
        file["a"] = 1


def write_another_tree(path):
    save_tree(path, {"format": "something else"})


def write_a_newer_format(path):
    save_tree(path, {"format": TRIAL, "format_version": 99})


@pytest.mark.parametrize(
    "write",
    [
        *(write_text, Path.touch, write_a_folder_less_file, write_another_tree),
        *(write_a_newer_format, os.mkfifo),
    ],
)
def test_inspecting_what_is_no_file_of_ours_ends_in_one_line(tmp_path, write):
    write(tmp_path / "a.h5")
    ran = CliRunner().invoke(main, ["inspect", str(tmp_path / "a.h5")])
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
    assert ran.output.startswith("Error: ")
    assert ran.output.count("\n") == 1


def test_inspect_shows_the_untrained_net_of_a_trial_that_diverged_at_once(study, tmp_path):
    spec = study.trial("jsb", "V", 0)
    wild = dict(spec.hyperparameters) | {"learning_rate": 1e38, "momentum": 0.0}
    spec = dataclasses.replace(spec, hyperparameters=wild)
    result = run_trial(spec, tiny_dataset("jsb"), tmp_path / "0.h5", "gluon")
    ran = CliRunner().invoke(main, ["inspect", str(tmp_path / "0.h5")])
    assert "in epoch 1" in ran.output
    assert f"valid {result.untrained['valid']:.3f}, test {result.best('test'):.3f}" in ran.output
