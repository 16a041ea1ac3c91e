"""benchmarks/readings.py: its reading of a trial as the study does is the study's own result."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.readings import _identity, from_silence, record, rows
from benchmarks.tiny import tiny_dataset
from odyssey.runs.trial import run_trial


@pytest.fixture
def spec(tiny_study):
    found = tiny_study.trial("jsb", "V", 1)
    drawn = dict(found.hyperparameters) | {"learning_rate": 0.01, "momentum": 0.9}
    return dataclasses.replace(found, hyperparameters=drawn)


def recorded(spec, folder, data=None):
    record(spec, data or tiny_dataset("jsb"), folder / f"{spec.trial}.npz")
    pd.DataFrame([_identity(spec)]).to_csv(folder / "trials.csv", index=False)
    return folder


def read(folder, *reading, start=0):
    return next(rows(folder, reading, start))


def test_the_studys_own_reading_is_the_trials_result(spec, tmp_path):
    result = run_trial(spec, tiny_dataset("jsb"), tmp_path / "whole.h5", "fused").row()
    row = read(recorded(spec, tmp_path), "look-ahead", "frames", "predicted")
    for name in ("status", "epochs", "best_epoch", "hidden", "parameters"):
        assert row[name] == result[name]
    for name in ("valid", "test"):
        assert row[name] == pytest.approx(result[name], rel=1e-6)


def test_without_momentum_both_points_are_one(spec, tmp_path):
    drawn = dict(spec.hyperparameters) | {"momentum": 0.0}
    recorded(dataclasses.replace(spec, hyperparameters=drawn), tmp_path)
    with np.load(tmp_path / "1.npz") as trial:
        for name in ("valid", "test"):
            assert (trial[f"base {name}"] == trial[f"look-ahead {name}"]).all()


def test_with_momentum_they_differ_from_the_first_update_on(spec, tmp_path):
    recorded(spec, tmp_path)
    with np.load(tmp_path / "1.npz") as trial:
        same = (trial["base test"] == trial["look-ahead test"]).all(axis=1)
    assert same.tolist() == [True] + [False] * 3


def test_the_averages_are_those_of_the_definitions(spec, tmp_path):
    recorded(spec, tmp_path)
    with np.load(tmp_path / "1.npz") as trial:
        losses, frames = trial["base test"].astype(float), trial["frames test"]
    best = read(tmp_path, "base", "chorales", "all")["best_epoch"]
    by_hand = np.mean([loss / (T + 1) for loss, T in zip(losses[best], frames, strict=True)])
    assert read(tmp_path, "base", "chorales", "all")["test"] == pytest.approx(by_hand, rel=1e-12)


def test_from_silence_every_frame_is_predicted():
    split = tiny_dataset("jsb").test
    for (x, y), (wide, targets) in zip(split, from_silence(split), strict=True):
        assert len(targets) == len(y) + 1
        assert not wide[0].any()
        assert (wide[1:] == x).all()
        assert (targets[0] == x[0].astype(y.dtype)).all()
        assert (targets[1:] == y).all()


def test_what_is_there_is_not_trained_again(spec, tmp_path):
    path = Path(tmp_path / "1.npz")
    path.write_text("there")
    record(spec, tiny_dataset("jsb"), path)
    assert path.read_text() == "there"
