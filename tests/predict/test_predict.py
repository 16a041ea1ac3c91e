"""Activations of a finished trial: those of its evaluation in training, from files of any kind."""

import contextlib
import copy
import dataclasses
import os

import h5py
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.datasets import load_dataset, save_arrays
from odyssey.engines.choose import new_model
from odyssey.engines.training import evaluate
from odyssey.runs.trial import run_trial
from odyssey.storage.datasets import write_dataset
from odyssey.storage.tree_file import load_tree, save_tree
from odyssey.study.study import load_study
from odyssey.tasks.prepare import prepare
from tests.support.own_data import D, pairs, sets
from tests.support.rows import rows_of_a_test


class Kept:
    """A figure of merit that only keeps the activations."""

    def __init__(self):
        self.activations = []

    def add(self, loss, activations, y):
        self.activations.append(activations.copy())

    def value(self):
        return 0.0


class Moods:
    """A study of data of one's own in a folder, one trial of which is trained."""

    def __init__(self, config, folder, loss, kernels="fused"):
        self.folder, self.sets = folder, sets(loss)
        save_arrays(folder / "moods.h5", **self.sets)
        config = copy.deepcopy(config) | {"tasks": ["moods"], "variants": ["V"], "kernels": kernels}
        config["search_space"]["hidden"] = {"law": "uniform", "low": 3, "high": 6, "integer": True}
        config["protocol"]["epochs"] = 2
        entry = {"source": "arrays", "path": "moods.h5", "loss": loss, "bidirectional": True}
        config["data"] = {"moods": entry}
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.study = load_study(config)
        self.trial = folder / "results/trials/moods/V/0.h5"
        prepare("moods", out=folder / "data/moods.h5", **self.study.data_options("moods"))
        self.data = load_dataset(folder / "data/moods.h5")
        self.spec = self.study.trial("moods", "V", 0)
        self.result = run_trial(self.spec, self.data, self.trial, kernels)
        self.kernels = kernels

    def evaluated(self):
        """Return set → the activations that evaluation in training gives."""
        model = new_model(self.spec.network, self.spec.rule, self.kernels)
        model.set_parameters(load_tree(self.trial)["best"])
        found = {}
        for name, split in self.data.splits.items():
            kept = Kept()
            evaluate(model, split, kept)
            found[name] = kept.activations
        return found


@pytest.fixture
def moods(config, tmp_path, monkeypatch):
    """Return a function that trains a study of a loss, in the folder where the test works."""
    monkeypatch.chdir(tmp_path)
    with rows_of_a_test():
        yield lambda loss="softmax", kernels="fused": Moods(config, tmp_path, loss, kernels)


def run(*arguments):
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def predicted(*arguments):
    """Return what a run said and the file that it wrote: set → activations by sequence."""
    ran = run(*arguments, "--out", "a.h5")
    assert ran.exit_code == 0, ran.output
    return ran.output, read("a.h5")


def read(path):
    with h5py.File(path) as file:
        return {
            name: np.split(group["a"][...], np.cumsum(group["lengths"][...])[:-1])
            for name, group in file.items()
            if isinstance(group, h5py.Group)
        }


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, sequences in expected.items():
        assert len(found[name]) == len(sequences)
        for one, other in zip(found[name], sequences, strict=True):
            assert one.dtype == np.float32
            assert (one == other).all()


def refused(*arguments):
    ran = run(*arguments, "--out", "refused.h5")
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit), ran.output
    assert ran.output.startswith("Error: ")
    assert ran.output.count("\n") == 1
    assert not os.path.exists("refused.h5")
    return ran.output


@pytest.mark.parametrize(
    ("loss", "kernels"),
    [("softmax", "fused"), ("ctc", "fused"), ("squared", "gluon"), ("bernoulli", "fused")],
)
def test_activations_have_the_bits_of_the_evaluation_in_training(moods, loss, kernels):
    study = moods(loss, kernels)
    words, prepared = predicted(study.trial, "data/moods.h5")
    assert_same(prepared, study.evaluated())
    with h5py.File("a.h5") as file:
        figures = {name: file[name].attrs["figure_of_merit"] for name in ("valid", "test")}
        about = dict(file.attrs)
        names = file["test"]["names"].asstr()[...].tolist()
    assert figures == {name: study.result.best(name) for name in figures}
    assert f"{figures['test']:.4f}" in words
    assert (about["format"], about["task"], about["variant"]) == (
        "odyssey activations",
        "moods",
        "V",
    )
    assert (about["loss"], about["kernels"]) == (loss, study.result.kernels)
    assert names == list(study.data.test.ids)
    _, raw = predicted(study.trial, "moods.h5")  # as the user wrote them, not scaled
    assert_same(raw, prepared)


def without_targets(path, sequences):
    with h5py.File(path, "w") as file:
        file["test/x"] = np.concatenate([x for x, _ in sequences])
        file["test/lengths"] = [len(x) for x, _ in sequences]


@pytest.mark.parametrize("loss", ["softmax", "ctc", "squared", "bernoulli"])
def test_sequences_need_no_targets(moods, loss):
    study = moods(loss)
    without_targets("new.h5", study.sets["test"])
    words, found = predicted(study.trial, "new.h5")
    assert_same(found, {"test": study.evaluated()["test"]})
    assert words.startswith("test    5 sequences\n")
    with h5py.File("a.h5") as file:
        assert "figure_of_merit" not in file["test"].attrs


def test_the_study_is_found_from_elsewhere_and_the_default_name_says_what_it_is(moods, tmp_path):
    study = moods()
    (tmp_path / "elsewhere").mkdir()
    with contextlib.chdir(tmp_path / "elsewhere"):
        ran = run("../results/trials/moods/V/0.h5", "../moods.h5", "--directory", "..")
        assert ran.exit_code == 0, ran.output
        assert ran.output.splitlines()[-1].startswith("moods-moods-V-0.h5: moods/V/0 at epoch")
        assert_same(read("moods-moods-V-0.h5"), study.evaluated())


def test_other_kernels_are_said(moods):
    study = moods()
    config = yaml.safe_load((study.folder / "config.yaml").read_text()) | {"kernels": "gluon"}
    (study.folder / "config.yaml").write_text(yaml.safe_dump(config))
    words, _ = predicted(study.trial, "data/moods.h5")
    assert f"Computed by gluon, trained by {study.result.kernels}: last bits may differ" in words


def test_what_is_not_the_networks_is_refused_in_one_line(moods):
    study = moods()
    wide = [(np.ones((4, D + 1)), np.zeros(4, int))]
    save_arrays("wide.h5", train=wide, valid=wide, test=wide)
    assert f"sequence 0: inputs must be frames × {D}, are 4 × {D + 1}" in refused(
        study.trial, "wide.h5"
    )
    x, y = pairs("softmax", 1, 1)[0]
    save_arrays("nan.h5", train=[(x * np.nan, y)])
    assert "train set, sequence 0: inputs must be finite" in refused(study.trial, "nan.h5")
    save_arrays("labels.h5", train=[(x, y + 100)])
    assert "train set, sequence 0: labels must lie in 0.." in refused(study.trial, "labels.h5")
    (study.folder / "text.h5").write_text("x")
    assert "must be an HDF5 or .npz file" in refused(study.trial, "text.h5")
    assert "must hold the sets train, valid, test" in refused(study.trial, study.trial)
    assert "not a file of odyssey's" in refused("text.h5", "moods.h5")
    os.mkfifo("pipe")
    assert "is a device or a pipe" in refused(study.trial, "pipe")
    ran = run(study.trial, "moods.h5", "--out", "moods.h5")
    assert "must be another file than" in ran.output


def test_a_checkpoint_has_no_activations(moods):
    study = moods()
    save_tree(study.trial, load_tree(study.trial) | {"status": "running"})
    assert "must be a finished trial, is a checkpoint after epoch 2" in refused(
        study.trial, "moods.h5"
    )


def test_data_that_were_scaled_otherwise_are_refused(moods):
    study = moods()
    half = dataclasses.replace(study.data, std=2 * study.data.std)
    other = {name: split.scaled(0 * half.mean, half.std) for name, split in half.splits.items()}
    write_dataset(study.folder / "half.h5", dataclasses.replace(half, splits=other))
    assert "must be scaled with the trial's own means" in refused(study.trial, "half.h5")
    # Other sequences on the same scale are welcome.
    fewer = dataclasses.replace(study.data, splits={**study.data.splits, "valid": study.data.test})
    write_dataset(study.folder / "fewer.h5", fewer)
    _, found = predicted(study.trial, "fewer.h5")
    assert_same({"valid": found["valid"]}, {"valid": study.evaluated()["test"]})


def test_without_the_data_of_the_training_arrays_cannot_be_scaled(moods):
    study = moods()
    os.rename("data/moods.h5", "kept.h5")
    assert "data/moods.h5" in refused(study.trial, "moods.h5")
    _, found = predicted(study.trial, "moods.h5", "--data", "kept.h5")
    assert_same(found, study.evaluated())
    mixed = dataclasses.replace(study.data, labels=("a", "b", "c", "d"))
    write_dataset(study.folder / "data/moods.h5", mixed)
    assert "must be the prepared data that moods/V/0 was trained on" in refused(
        study.trial, "moods.h5"
    )


def test_a_trial_of_a_task_that_the_study_does_not_know_is_refused(moods, config, tmp_path):
    study = moods()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text(yaml.safe_dump(config | {"tasks": ["jsb"]}))
    config = yaml.safe_load((study.folder / "config.yaml").read_text())
    tree = load_tree(study.trial)
    settings = tree["config"].replace('"task": "moods"', '"task": "elsewhere"')
    save_tree(tmp_path / "0.h5", tree | {"config": settings})
    said = refused(tmp_path / "0.h5", "moods.h5", "--directory", tmp_path / "other")
    assert "name the trial's study with --directory or --configfile" in said
    settings = tree["config"].replace('"task": "moods"', '"task": "jsb"')
    save_tree(tmp_path / "0.h5", tree | {"config": settings})
    said = refused(tmp_path / "0.h5", "moods.h5", "--directory", tmp_path / "other")
    assert "its weights must be those of a network of 88 inputs" in said
