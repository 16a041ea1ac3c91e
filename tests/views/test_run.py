"""What a run shows on a terminal while it goes on, and when it is done."""

import io
import logging
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.text import Text

from odyssey.analysis.report.closing import closing_words
from odyssey.runs.progress import Progress
from odyssey.runs.results import note_failure, write_trial
from odyssey.views.run import RunView, _Task
from tests.support.trial_results import trial_result


@pytest.fixture
def logger():
    """A logger as Snakemake leaves it: one handler that writes to the terminal."""
    logger = logging.Logger("a run")
    handler = logging.StreamHandler(io.StringIO())
    handler.name = "DefaultStreamHandler"
    logger.addHandler(handler)
    return logger


@pytest.fixture
def terminal():
    """A terminal of 120 columns that remembers what it was sent."""
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


class Clock:
    """A clock that stands until it is set."""

    time = 0.0

    def __call__(self):
        return self.time


def event(name, **facts):
    return {"extra": {"event": SimpleNamespace(name=name), **facts}}


def screen(view):
    console = Console(width=120)
    with console.capture() as lines:
        console.print(view.view())
    return lines.get()


def test_a_line_for_each_task_and_what_is_at_work(tiny_study, logger, terminal):
    view = RunView(tiny_study, terminal)
    view.start(logger)
    total = 4 * len(tiny_study.variants)
    logger.info(
        "a job", **event("JOB_INFO", jobid=3, rule_msg="Preparing jsb", rule_name="prepare")
    )
    logger.info("", **event("PROGRESS", done=2, total=58))
    lines = screen(view).splitlines()
    assert [line.split()[0] for line in lines[:3]] == list(tiny_study.tasks)
    assert all(f"0 of {total} trials" in line and "waiting" in line for line in lines[:3])
    assert lines[3].strip() == "2 of 58 steps: Preparing jsb"
    logger.info("it ended", **event("JOB_FINISHED", job_id=3))
    assert "Preparing" not in screen(view)
    view.stop()


def test_finished_trials_are_counted_and_failed_ones_stand_out(tiny_study):
    for trial in range(3):
        spec = tiny_study.trial("jsb", "V", trial)
        done = trial_result(spec.settings, fingerprint=spec.fingerprint)
        write_trial(tiny_study.trial_path("jsb", "V", trial), done, {})
    note_failure(tiny_study.trial_path("jsb", "V", 3), "no room")
    lines = screen(RunView(tiny_study)).splitlines()
    jsb = next(line for line in lines if line.startswith("jsb"))
    assert f"3 of {4 * len(tiny_study.variants)} trials" in jsb
    assert "1 failed" in jsb


def test_the_time_left_is_that_of_this_run():
    task = _Task(now := Clock())
    trials = [Progress("jsb", "V", k, "waiting") for k in range(8)]
    trials[0] = Progress("jsb", "V", 0, "finished", ended=1.0)  # by an earlier run
    trials[1] = Progress("jsb", "V", 1, "running")
    task.update(trials, epochs=10)
    now.time = 60.0
    trials[1:4] = [Progress("jsb", "V", k, "finished", ended=2.0) for k in (1, 2)] + [
        Progress("jsb", "V", 3, "running", epoch=5)
    ]
    task.update(trials, epochs=10)
    assert task.row()[1:] == ("3 of 8 trials", Text("108 s left"))


def test_snakemakes_own_words_are_hushed_but_its_warnings_are_not(tiny_study, logger, terminal):
    own = logger.handlers[0]
    view = RunView(tiny_study, terminal)
    view.start(logger)
    logger.info("Select jobs to execute...")
    logger.error("Error in rule train_trials")
    view.stop()
    shown = terminal.file.getvalue()
    assert "Error in rule train_trials" in shown
    assert "Select jobs" not in shown
    assert own.stream.getvalue() == ""
    logger.info("and afterwards")
    assert own.stream.getvalue() == "and afterwards\n"


def test_nothing_is_said_of_a_study_without_a_report(tiny_study):
    assert closing_words(tiny_study) == ""
