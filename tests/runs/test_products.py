"""What of a study's files is the study's, told by content."""

import copy
import dataclasses
import json
import os
import shutil

import pytest

from odyssey.runs.products import PreparedData, Upkeep, products
from odyssey.storage.datasets import read_origin
from odyssey.storage.tree_file import load_tree, read_label, save_tree
from odyssey.study.study import load_study
from odyssey.tasks import prepare, tree
from tests.support.finished_study import finish, write_block, write_data
from tests.support.tiny_workflow import write_chorales


@pytest.fixture
def config(config, tmp_path):
    """A small study of two tasks, in folders of its own."""
    config |= {"tasks": ["timit", "jsb"], "variants": ["V", "NP"], "trials": 3}
    return config | {"results": str(tmp_path / "results"), "data_folder": str(tmp_path / "data")}


@pytest.fixture
def study(config):
    """The study, finished."""
    study = load_study(copy.deepcopy(config))
    finish(study)
    return study


def outdated(study):
    return {path.name: reason for path, reason in Upkeep(study).outdated.items()}


def test_a_finished_study_has_nothing_outdated(study):
    assert outdated(study) == {}


def test_nothing_is_outdated_where_nothing_is(config):
    assert outdated(load_study(config)) == {}


def test_times_of_files_decide_nothing(study):
    for k, product in enumerate(products(study)):
        for path in product.outputs:
            os.utime(path, (1e9 - k, 1e9 - k))
    assert outdated(study) == {}


def test_another_block_of_a_task_is_another_table_of_this_task(study):
    block = next(p for p in products(study) if "NP" in str(p.outputs[0]) and "jsb" in str(p.data))
    write_block(block, "trained on another node")
    found = Upkeep(study).outdated
    assert "/".join(next(iter(found)).parts[-2:]) == "jsb/trials.csv"
    assert next(iter(found.values())) == "input jsb/NP/trials_0-2.h5 is another"
    names = {path.name for path in found}
    assert {"jsb.json", "report.html"} <= names
    assert "timit.json" not in names


def test_a_block_without_a_label_is_known_by_its_trials(study):
    block = next(p for p in products(study) if "trials_" in p.outputs[0].name)
    fingerprint = read_origin(block.data).fingerprint
    trials = {
        str(k): {"fingerprint": trial, "data": {"fingerprint": fingerprint}}
        for k, trial in enumerate(block.trials)
    }
    save_tree(block.path, {"trials": trials})
    assert read_label(block.path) == ""
    assert block.outdated() == ""
    trials["0"]["fingerprint"] = "of another trial"
    save_tree(block.path, {"trials": trials})
    assert "other settings" in block.outdated()


def test_a_block_that_is_cut_is_outdated(study):
    block = next(p for p in products(study) if "trials_" in p.outputs[0].name)
    block.path.write_bytes(block.path.read_bytes()[:-1])
    assert "truncated" in block.outdated()


def test_a_label_is_part_of_what_the_digest_guards(study):
    block = next(p for p in products(study) if "trials_" in p.outputs[0].name)
    content = block.path.read_bytes()
    label = read_label(block.path).encode()
    block.path.write_bytes(content.replace(label, b"0" * len(label), 1))
    with pytest.raises(ValueError, match="truncated or altered"):
        load_tree(block.path)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"protocol": {"epochs": 3, "patience": 1, "weight_std": 0.1}}, "trials_0-"),
        ({"seed": 4}, "trials_0-"),
        ({"trials": 2}, "trials.csv"),
        ({"variants": ["V"]}, "trials.csv"),
        ({"tasks": ["jsb"]}, "report.html"),  # of jsb alone; it shows the settings of the study
    ],
)
def test_another_study_in_its_place_is_another(study, config, changes, first):
    found = outdated(load_study(config | changes))
    assert next(iter(found)).startswith(first)
    assert {"trials.csv", "report.html"} <= found.keys()


def data_of(study):
    return next(product for product in products(study) if isinstance(product, PreparedData))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"takes": ("split",), "options": {"split": "speaker"}}, "it was made with split: speaker"),
        ({"takes": ("path",)}, "it was made with path: None"),
        ({"versions": {"music21": "1.0", "numpy": "1.0"}}, "music21 was another version"),
    ],
)
def test_data_of_other_options_or_versions_are_others(study, changes, reason):
    data = data_of(study)
    write_data(data, **changes)
    assert data.outdated() == reason
    assert "made of the outdated" in outdated(study)["report.html"]


def test_options_of_other_sources_decide_nothing(study):
    data = data_of(study)
    more = dataclasses.replace(data, options={**data.options, "speakers": 3, "seed": None})
    assert more.outdated() == ""
    assert "source" in dataclasses.replace(data, options={"source": "synthetic"}).outdated()


@pytest.fixture
def rolls(tmp_path):
    """Chorales, prepared, and what the config says of them."""
    corpus = tmp_path / "chorales.json"
    write_chorales(corpus)
    options = {"source": "json", "path": str(corpus)}
    prepare.prepare("jsb", out=tmp_path / "jsb.h5", **options)
    return corpus, PreparedData(tmp_path / "jsb.h5", options)


def test_a_corpus_repaired_at_its_path_makes_its_data_outdated(rolls):
    corpus, data = rolls
    assert data.outdated() == ""
    copied = corpus.read_text()
    content = json.loads(copied)
    content["train"][0][0] = [50]
    corpus.write_text(json.dumps(content))
    assert data.outdated() == "the corpus has changed since"
    corpus.write_text(copied)
    assert data.outdated() == ""  # by content, though its time is another
    corpus.unlink()
    assert data.outdated() == ""  # what is gone can't be compared


def test_a_moved_study_is_still_the_study(study, config, tmp_path):
    shutil.move(tmp_path / "results", tmp_path / "moved")
    assert outdated(load_study(config | {"results": str(tmp_path / "moved")})) in (
        {},
        {"report.html": "made with other settings"},  # it prints where they are
    )


def test_times_in_the_future_are_set_to_the_present(study):
    path = next(iter(products(study))).outputs[0]
    os.utime(path, (4e9, 4e9))
    Upkeep(study).no_times_ahead()
    assert path.stat().st_mtime < 4e9


def test_the_reason_is_said_once_and_what_stands_behind_is_not(study, config):
    upkeep, forced, said = Upkeep(load_study(config | {"seed": 9})), set(), []
    for _ in range(2):
        assert upkeep.force(forced, said.append) == []
    assert len(said) == 4
    assert all("trials_0-" in line for line in said)
    assert str(study.results / "report.html") in forced


def test_states_of_a_corpus_are_those_of_the_readers(rolls):
    corpus, data = rolls
    assert read_origin(data.path).state == tree.state(corpus)
