"""Preparation: registry, options, statistics, and what happens to bad corpora."""

import dataclasses
import inspect
import json
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.runs.products import PreparedData
from odyssey.storage.datasets import SPLITS, DataError, Example, load_dataset, read_origin
from odyssey.tasks import TASKS, Option, Source, Task, register
from odyssey.tasks import prepare as preparation
from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers import corpus
from tests.support.data_fixtures import small_dataset
from tests.support.rows import rows_of_a_test

groups = st.lists(st.text(min_size=1, max_size=4), min_size=3, max_size=40, unique=True)


@given(groups, st.integers(0, 2**32 - 1))
def test_split_is_a_seeded_partition(names, seed):
    found = corpus.split_groups(names, seed)
    assert found == corpus.split_groups(reversed(names), seed)
    assert found.keys() == set(names)
    assert set(found.values()) == set(SPLITS)


def test_split_shares():
    found = list(corpus.split_groups(map(str, range(100)), 1).values())
    assert [found.count(name) for name in SPLITS] == [60, 20, 20]
    assert corpus.split_groups("abcdefgh", 1) != corpus.split_groups("abcdefgh", 2)


def test_two_groups_are_too_few():
    with pytest.raises(DataError, match="at least three groups"):
        corpus.split_groups("ab", 1)


@pytest.mark.parametrize("task", TASKS)
def test_every_source_has_words_and_a_reader_that_takes_its_options(task):
    for source in TASKS[task].sources.values():
        assert source.description
        assert "figures" not in source.description  # said by preparation where it is so
        takes = inspect.signature(preparation.find_reader(source)).parameters.values()
        corpus, *options = takes
        assert corpus.name == "corpus"
        assert [option.name for option in options] == list(source.options)
        for option in options:
            row = source.options[option.name]
            assert row.required == (option.default is option.empty)
            assert row.required or row.default == option.default
            row.check(row.default)


def fake_reader(found, path, seed=1):
    found.labels = tuple("abcde")
    for name, split in small_dataset(int(seed)).splits.items():
        found.splits[name] = [
            Example(id_, 5 + 3 * x, y) for id_, (x, y) in zip(split.ids, split, strict=True)
        ]


@pytest.fixture
def fake():
    """A task with a reader of random numbers, while the test runs."""
    of_fake = {"path": Option("Where.", required=True), "seed": Option("Which.", int, 0, 9)}
    of_other = {"speakers": Option("How many.", int, 1, 9)}
    sources = {
        "random": Source(fake_reader, "random", of_fake),
        "other": Source(lambda found, speakers=1: None, "none", of_other),
    }
    with rows_of_a_test():
        register(Task("fake", "Fake", 3, 5, True, "softmax", sources, version=3))
        yield


def test_inputs_are_normalised_with_training_statistics(tmp_path, fake):
    dataset = prepare("fake", "random", tmp_path / "a.h5", path="x")
    np.testing.assert_allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(dataset.train.inputs.std(axis=0), 1, atol=1e-6)
    original = small_dataset(1).test.inputs * 3 + 5
    np.testing.assert_allclose(
        dataset.test.inputs * dataset.std + dataset.mean, original, rtol=1e-5, atol=1e-5
    )


def test_only_options_of_use_are_passed_and_recorded(tmp_path, fake):
    options = {"path": "x", "seed": 2, "speakers": 3, "split": None}
    dataset = prepare("fake", "random", tmp_path / "a.h5", **options)
    assert dataset.provenance.options == {"path": "x", "seed": "2"}


def test_missing_option(tmp_path, fake):
    with pytest.raises(DataError, match="fake from source 'random' needs a path"):
        prepare("fake", "random", tmp_path / "a.h5")


def test_options_of_no_source_are_refused(tmp_path):
    with pytest.raises(DataError, match="iamondb has no option liens: use characters, lines, path"):
        prepare("iamondb", "synthetic", tmp_path / "a.h5", liens=3, path="of another source")
    assert not (tmp_path / "a.h5").exists()


def test_unknown_source(tmp_path):
    with pytest.raises(DataError, match="jsb has no source 'tape': use mat, pickle"):
        prepare("jsb", "tape", tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"seed": 10}, "seed must be a whole number from 0 to 9, got 10"),
        ({"seed": True}, "seed must be a whole number from 0 to 9, got True"),
        ({"path": ""}, "path must be text, got ''"),
    ],
)
def test_an_option_beyond_its_range_is_refused(tmp_path, fake, option, words):
    with pytest.raises(DataError, match=words):
        prepare("fake", "random", tmp_path / "a.h5", **{"path": "x", **option})


def test_a_file_tells_the_version_of_its_tasks_row(tmp_path, fake):
    prepare("fake", "random", tmp_path / "a.h5", path="x")
    assert read_origin(tmp_path / "a.h5").task_version == 3
    assert load_dataset(tmp_path / "a.h5").provenance.task_version == 3
    options = {"source": "random", "path": "x"}
    assert PreparedData(tmp_path / "a.h5", options, 3).outdated() == ""
    assert "version 3 of its task" in PreparedData(tmp_path / "a.h5", options, 4).outdated()


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((4, 2)), "inputs must be frames × 3, are 4 × 2"),
        (np.zeros((0, 3)), "inputs must be frames × 3, are 0 × 3"),
        (np.full((4, 3), np.nan), "inputs must be finite"),
    ],
)
def test_inputs_that_no_network_takes_are_refused(tmp_path, fake, x, words):
    def read(found):
        for name in SPLITS:
            found.splits[name] = [Example("a", x, np.zeros(len(x), np.int32))]

    register(dataclasses.replace(TASKS["fake"], name="bad", sources={"only": Source(read, "bad")}))
    with pytest.raises(DataError, match=f"bad, train set, a: {words}"):
        prepare("bad", "only", tmp_path / "a.h5")


def test_an_empty_set_stops(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"train": [[[60]]], "valid": [], "test": []}))
    with pytest.raises(DataError, match=r"train set is empty after leaving out 1 items \(train/0"):
        prepare("jsb", "json", tmp_path / "a.h5", path=str(tmp_path / "a.json"))
    assert not (tmp_path / "a.h5").exists()


def test_command_shows_what_came_of_it(tmp_path):
    from click.testing import CliRunner

    from odyssey.cli import main

    chorale = [[60], [62], [64]]
    (tmp_path / "a.json").write_text(
        json.dumps({"train": [chorale, [[60]]], "valid": [chorale], "test": [chorale]})
    )
    command = ["prepare", "jsb", "--source", "json", "--out", str(tmp_path / "a.h5")]
    found = CliRunner().invoke(main, [*command, "--path", str(tmp_path / "a.json")])
    assert found.exit_code == 0, found.output
    for text in ("JSB Chorales", "train/1: 1 frames", "'62'", "per-pitch Bernoulli"):
        assert text in found.output
    found = CliRunner().invoke(main, [*command, "--path", str(tmp_path / "none")])
    assert found.exit_code == 1
    assert "none: cannot be read" in found.output


def run_script(config, data, folder):
    """Run the script with logging as in the process of a job."""
    from scripts.prepare import main

    config["data"]["jsb"] = data
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.root, "handlers", [])
        try:
            main(config, "jsb", folder / "a.h5", folder / "a.log")
        finally:
            logging.root.handlers[0].close()


def test_script_prepares_as_the_config_says(config, tmp_path):
    chorales = {name: [[[60], [62]]] * 2 for name in SPLITS}
    (tmp_path / "a.json").write_text(json.dumps(chorales | {"train": [[[60], [62]], [[60]]]}))
    data = {"source": "json", "path": str(tmp_path / "a.json"), "chorales": None}
    run_script(config, data, tmp_path)
    assert load_dataset(tmp_path / "a.h5").source == "json"
    log = (tmp_path / "a.log").read_text()
    assert log.startswith("left out train/1: 1 frames; a prediction needs 2\n")


def test_script_ends_with_one_line(config, tmp_path):
    data = {"source": "mat", "path": str(tmp_path / "none.mat")}
    with pytest.raises(SystemExit, match=r"none\.mat: cannot be read .*; see .*a\.log$"):
        run_script(config, data, tmp_path)
    assert "none.mat: cannot be read" in (tmp_path / "a.log").read_text()


def test_the_command_takes_every_option_of_a_source_as_text(tmp_path):
    from click.testing import CliRunner

    from odyssey.cli import main

    rolls = {name: [[[60, 64], [62]]] * 2 for name in SPLITS}
    (tmp_path / "a.json").write_text(json.dumps(rolls))
    command = ["prepare", "jsb", "--source", "json", "--path", str(tmp_path / "a.json")]
    command += ["--out", str(tmp_path / "a.h5")]
    found = CliRunner().invoke(main, [*command, "--option", "normalise", "true"])
    assert found.exit_code == 0, found.output
    assert load_dataset(tmp_path / "a.h5").provenance.options["normalise"] == "True"
    for more, words in (
        (["--option", "normalise", "yes"], "normalise must be true or false, got 'yes'"),
        (["--option", "speed", "3"], "jsb has no option speed: use chorales, normalise"),
        (["--seed", "-1"], "seed must be a whole number from 0 to 4294967295, got -1"),
    ):
        found = CliRunner().invoke(main, [*command, *more])
        assert (found.exit_code, type(found.exception)) == (1, SystemExit)
        assert words in found.output
    found = CliRunner().invoke(main, ["prepare", "jazz", "--out", str(tmp_path / "b.h5")])
    assert "unknown task 'jazz': use timit, iamondb, jsb" in found.output
    found = CliRunner().invoke(main, ["prepare", "jsb", "--out", str(tmp_path / "b.h5")])
    assert "must say where the data of jsb come from: mat, pickle" in found.output


def test_lines_that_ctc_cannot_align_are_left_out_of_training_only(tmp_path, monkeypatch):
    def read(corpus):
        for split in SPLITS:
            for name, points, text in (
                ("a", 9, [1, 2, 2]),
                ("b", 4, [1, 2, 2]),
                ("c", 3, [2, 2, 1]),
            ):
                x = np.arange(4.0 * points, dtype=np.float32).reshape(points, 4)
                example = Example(f"{split}-{name}", x, np.array(text, np.int32))
                corpus.splits[split].append(example)

    monkeypatch.setattr(preparation, "find_reader", lambda source: read)
    dataset = preparation.prepare("iamondb", "synthetic", tmp_path / "i.h5")
    assert dataset.train.ids == ("train-a", "train-b")
    assert len(dataset.valid) == len(dataset.test) == 3
    assert dataset.provenance.skipped == {"train-c": "CTC needs 4 points for its text, it has 3"}
