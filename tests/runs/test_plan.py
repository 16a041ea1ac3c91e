"""The cost model against hand sums and made-up measurements, the plan against the real config."""

import csv
import dataclasses
import io

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.tiny import tiny_dataset
from odyssey.cli import main
from odyssey.runs.plan import (
    EVALUATED,
    LEAST_MINUTES,
    MOST_MINUTES,
    START_SECONDS,
    SUBMIT_SECONDS,
    Corpus,
    PlanError,
    TaskPlan,
    corpus_of,
    costs_of,
    epoch_seconds,
    fit,
    makespan,
    mean_epochs,
    plan,
    time_limit,
    trial_seconds,
    wall_seconds,
    with_epochs,
)
from odyssey.storage.datasets import write_dataset
from odyssey.study.study import load_study
from odyssey.tasks import TASKS, Costs, Source, Task, register
from odyssey.views.plan import plan_view
from tests.conftest import SCHEMA
from tests.support.rows import rows_of_a_test

COSTS = {task: costs_of(task) for task in TASKS}
CORPORA = {task: corpus_of(task) for task in TASKS}
durations = st.lists(st.floats(0, 1e5), min_size=1, max_size=30)


@pytest.fixture
def study(config):
    return load_study(config, SCHEMA)


def test_an_epoch_is_the_sum_of_its_sequences():
    corpus = Corpus(trained=10, evaluated=5, frames=100)
    by_themselves, by_their_frames = 10 + 5 * EVALUATED.sequence, 10 + 5 * EVALUATED.frame
    expected = by_themselves * 0.5 + by_their_frames * 0.1
    assert epoch_seconds(1000, Costs(0.5, 1e-6), corpus) == pytest.approx(expected)


@given(durations, st.integers(1, 8))
def test_the_makespan_lies_between_its_bounds(seconds, workers):
    result = makespan(seconds, workers)
    ideal = max(max(seconds), sum(seconds) / workers)
    assert ideal * (1 - 1e-9) <= result <= (sum(seconds) / workers + max(seconds)) * (1 + 1e-9)


def test_one_worker_does_one_after_the_other():
    assert makespan([3, 1, 2], 1) == 6
    assert makespan([3, 1, 2], 2) == 3


def test_a_limit_covers_all_epochs_and_grows_with_attempts(study):
    costs, corpus = COSTS["timit"], CORPORA["timit"]
    trials = study.trials_of_block("timit", "V", 0, 11)
    each = sorted((trial_seconds(spec, costs, corpus) for spec in trials), reverse=True)
    seconds = makespan(each, 3)
    block = ("timit", "V", "0", "11")
    assert time_limit(study, 3, 1, *block) * 60 > 1.9 * seconds
    assert time_limit(study, 3, 2, *block) == pytest.approx(
        2 * time_limit(study, 3, 1, *block), abs=1
    )
    assert time_limit(study, 3, 1000, *block) == MOST_MINUTES
    assert time_limit(study, 1, 1, "jsb", "V", "0", "0") == LEAST_MINUTES


def test_the_study_is_fewer_than_600_jobs_of_mostly_a_quarter_of_an_hour_to_four(study):
    plans = plan(study, 3, with_epochs(COSTS, 0.6))
    jobs = [seconds / 3600 for each in plans for seconds in each.jobs]
    assert sum(each.trials for each in plans) == 5400
    assert len(jobs) < 600 - 30
    assert sum(0.25 <= hours <= 4 for hours in jobs) > 0.75 * len(jobs)


def test_nodes_that_are_plenty_leave_the_longest_job_and_its_submission():
    plans = [TaskPlan("jsb", 3, 0.0, [100.0, 50.0, 100.0])]
    assert wall_seconds(plans, 2, nodes=3, cores=2) == 3 * SUBMIT_SECONDS + 100
    assert wall_seconds(plans, 2, nodes=1, cores=3) == SUBMIT_SECONDS + 250
    with pytest.raises(PlanError, match="needs 4 cores at once, a node has 2"):
        wall_seconds(plans, 4, nodes=1, cores=2)


def rows_of(costs, task="jsb", sizes=(3000, 50_000, 200_000), epochs=50):
    return [
        {
            "task": task,
            "status": "finished",
            "parameters": str(size),
            "seconds_per_epoch": str(epoch_seconds(size, costs, CORPORA[task])),
            "epochs": str(epochs),
        }
        for size in sizes
    ]


def test_a_calibration_finds_the_costs_of_its_trials():
    costs = Costs(3e-4, 2e-10)
    found = fit(rows_of(costs), CORPORA)
    assert found["jsb"].sequence == pytest.approx(costs.sequence)
    assert found["jsb"].parameter == pytest.approx(costs.parameter)
    assert found["timit"] == COSTS["timit"]
    assert mean_epochs(rows_of(costs), 150) == pytest.approx(1 / 3)


@pytest.mark.parametrize("sizes", [(), (3000,), (3000, 3000, 50_000)])
def test_too_small_a_calibration_is_refused(sizes):
    rows = rows_of(Costs(3e-4, 2e-10), sizes=sizes)
    with pytest.raises(PlanError, match=r"three sizes|found none"):
        fit(rows, CORPORA) and mean_epochs(rows, 150)


def test_the_command_prints_jobs_core_hours_and_the_end(tmp_path, monkeypatch, study):
    monkeypatch.chdir(SCHEMA.parents[2])
    table = tmp_path / "trials.csv"
    rows = rows_of(Costs(3e-4, 2e-10), epochs=75)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    shown = CliRunner().invoke(main, ["plan", "--trials", str(table), "--nodes", "4"])
    assert shown.exit_code == 0, shown.output
    assert "5400" in shown.output
    assert "50 % of their epochs" in shown.output
    assert "4 × 128 cores" in shown.output.replace("\n", " ")
    refused = CliRunner().invoke(main, ["plan", "--cores", "2"])
    assert "a job needs 3 cores at once" in refused.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "must be a trials.csv of a study, has no column task"),
        (b"task,status\njsb\n", "must be a trials.csv of a study, has no column"),
        (b"", "found none"),
        (b"\x7fELF\xd0\x00", "must be a trials.csv of a study"),
        (
            b"task,status,parameters,seconds_per_epoch,epochs\n" + 3 * b"jsb,finished,many,0.1,3\n",
            "invalid literal",
        ),
        (
            b"task,status,parameters,seconds_per_epoch,epochs\n"
            + b"".join(b"jsb,finished,%d,0,3\n" % n for n in (10, 20, 30)),
            "division by zero",
        ),
    ],
)
def test_a_calibration_that_is_none_ends_in_one_line(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(SCHEMA.parent)  # anywhere in the checkout
    (tmp_path / "trials.csv").write_bytes(content)
    ran = CliRunner().invoke(main, ["plan", "--trials", str(tmp_path / "trials.csv")])
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
    assert ran.output.startswith(f"Error: {tmp_path / 'trials.csv'}: ")
    assert words in ran.output
    assert ran.output.count("\n") == 1


@pytest.mark.parametrize(
    "options", [("--epochs", "0"), ("--epochs", "nan"), ("--nodes", "0"), ("--cores", str(10**12))]
)
def test_numbers_that_make_no_plan_are_refused(options):
    ran = CliRunner().invoke(main, ["plan", "--directory", str(SCHEMA.parents[2]), *options])
    assert type(ran.exception) is SystemExit
    assert ran.exit_code in (1, 2)
    assert "Error: " in ran.output


def test_a_task_of_unknown_size_is_taken_as_the_dearest_and_the_plan_says_so(config, tmp_path):
    with rows_of_a_test():
        source = {"made": Source("nowhere:read", "made up")}
        register(Task("humming", "Humming", 3, 4, False, "softmax", source))
        folders = {"results": str(tmp_path), "data_folder": str(tmp_path)}
        study = load_study(config | folders | {"tasks": ["humming", "jsb"]})
        assert costs_of("humming") == COSTS["iamondb"]
        assert corpus_of("humming") == CORPORA["iamondb"]
        assert time_limit(study, 3, 1, "humming", "V", "0", "9") > 0
        console = Console(width=200, record=True, file=io.StringIO())
        console.print(plan_view(study, 3))
        text = console.export_text()
    assert "humming: corpus and costs of a step as of the dearest task that is known" in text
    assert "jsb: corpus" not in text


def test_the_plan_says_what_is_no_factor_of_a_variant(config, tmp_path):
    space = config["search_space"] | {"forget_bias": {"law": "uniform", "low": 0, "high": 2}}
    folders = {"results": str(tmp_path), "data_folder": str(tmp_path)}
    study = load_study(config | folders | {"search_space": space})
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(plan_view(study, 3))
    words = "forget_bias is no factor of NFG, CIFG, which have nothing that it acts on"
    assert console.export_text().count(words) == 1


def plan_of(config, folder, **changes):
    """The words of the plan of a study whose data lie in a folder."""
    folders = {"results": str(folder), "data_folder": str(folder)}
    console = Console(width=250, record=True, file=io.StringIO())
    console.print(plan_view(load_study(config | folders | changes), 3))
    return console.export_text()


def test_prepared_data_of_another_source_are_not_used_and_the_plan_says_so(config, tmp_path):
    before = plan_of(config, tmp_path)
    write_dataset(tmp_path / "jsb.h5", dataclasses.replace(tiny_dataset("jsb"), source="json"))
    after = plan_of(config, tmp_path)
    words = "is of source 'json', the config asks for 'music21': the plan is for a corpus of the"
    assert words in after
    rows = lambda text: [line for line in text.splitlines() if "│" in line]  # noqa: E731
    assert rows(after) == rows(before)


def test_only_the_papers_own_study_is_compared_with_the_papers_hours(config, tmp_path):
    assert "131,220 core hours" in plan_of(config, tmp_path)
    assert "131,220" not in plan_of(config, tmp_path, trials=10)
    assert "131,220" not in plan_of(config, tmp_path, tasks=["jsb"])
    data = dataclasses.replace(tiny_dataset("jsb"), source="music21", comparable=False)
    write_dataset(tmp_path / "jsb.h5", data)
    assert "131,220" not in plan_of(config, tmp_path)


def test_a_job_takes_its_start(study):
    (only,) = [each for each in plan(study, 3) if each.task == "jsb"]
    assert min(only.jobs) > START_SECONDS


def test_cores_for_which_no_trial_waits_serve_as_second_ones():
    assert makespan([8.0], 2, [2.0]) == pytest.approx(4)
    assert makespan([8.0], 1, [2.0]) == pytest.approx(8)
    assert makespan([8.0, 2.0], 2, [2.0, 2.0]) == pytest.approx(2 + 6 / 2)
    assert makespan([8.0, 6.0, 2.0], 2, [2.0, 2.0, 1.0]) == pytest.approx(8)  # the last one waits
    assert makespan([9.0, 9.0], 3, [2.0, 2.0]) == pytest.approx(4.5 + 4.5 / 2)
