"""On each task a small net soon leaves the trivial models behind, so the demo shows learning."""

import dataclasses

from odyssey.runs.trial import run_trial
from odyssey.study.study import read_study
from odyssey.tasks.prepare import prepare
from tests.conftest import ROOT
from tests.support.data_fixtures import shared

DEMO = read_study([ROOT / "profiles" / "demo" / "study.yaml"], ROOT)
CHOSEN = {"hidden": 20, "momentum": 0.9, "noise": 0.0}


def best_test(task, data, folder, rate, epochs):
    """Return the test figure at the best epoch and the trivial models' figures."""
    dataset = prepare(task, out=folder / "data.h5", **data)
    spec = dataclasses.replace(
        DEMO.trial(task, "V", 0),
        hyperparameters=CHOSEN | {"learning_rate": rate},
        protocol=dataclasses.replace(DEMO.protocol, epochs=epochs),
    )
    result = run_trial(spec, dataset, folder / "0.h5", "fused")
    return result.curves["test"][result.best_epoch - 1], dataset.baselines


def test_stand_in_speech(tmp_path):
    error, trivial = best_test("timit", DEMO.data_options("timit"), tmp_path, 3e-3, epochs=4)
    assert error < 0.4 * trivial["majority class"]


def test_stand_in_handwriting(tmp_path):
    error, trivial = best_test("iamondb", DEMO.data_options("iamondb"), tmp_path, 2e-2, epochs=15)
    assert error < 0.6 * trivial["blank only"]


def test_chorales(tmp_path):
    data = {"source": "mat", "path": str(shared("jsb") / "JSB_Chorales.mat")}
    nats, trivial = best_test("jsb", data, tmp_path, 1e-2, epochs=6)
    assert nats < trivial["per-pitch Bernoulli"] - 1


def test_the_demo_makes_its_own_data():
    sources = {task: DEMO.data_options(task)["source"] for task in DEMO.tasks}
    assert sources == {"timit": "synthetic", "iamondb": "synthetic", "jsb": "music21"}
