"""The examples of docs/extending.md that read what `export` and `predict` wrote."""

import re
import shutil

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from benchmarks.tiny import tiny_dataset
from odyssey.cli import main
from odyssey.networks import equations
from odyssey.runs.trial import run_trial
from odyssey.storage.datasets import load_dataset, write_dataset
from odyssey.study.study import load_study
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Trained networks, out again") : PAGE.index("## Versions")]
CODE = re.findall(r"```python\n(.*?)```", SECTION, re.S)
COMMANDS = [line.split("#")[0].split() for line in SECTION.splitlines() if "  odyssey " in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of the page's trials, one epoch long, in a folder of its own."""
    folder = tmp_path_factory.mktemp("out")
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config |= {"tasks": ["jsb"], "variants": ["V", "NP"], "kernels": "gluon"}
    config["protocol"]["epochs"] = 1
    config["search_space"]["hidden"] = {"law": "uniform", "low": 3, "high": 6, "integer": True}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    write_dataset(folder / "data" / "jsb.h5", tiny_dataset("jsb"))
    study, data = load_study(config), load_dataset(folder / "data" / "jsb.h5")
    for code in study.variants:
        path = study.trial_path("jsb", code, 0)
        run_trial(study.trial("jsb", code, 0), data, folder / path, "gluon")
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def run(*arguments):
    ran = CliRunner().invoke(main, list(arguments))
    assert ran.exit_code == 0, ran.output


def shown(package):
    """Run the page's example that needs a package; return its names."""
    (code,) = [code for code in CODE if f"import {package}\n" in code]
    names = {}
    exec(compile(code, "docs/extending.md", "exec"), names)
    return names


def test_the_page_shows_both_commands_and_an_example_of_every_file(here):
    assert [command[:2] for command in COMMANDS] == [["odyssey", "export"], ["odyssey", "predict"]]
    assert len(CODE) == 4
    for command in COMMANDS:
        run(*command[1:])
    names = {}
    exec(compile(CODE[0], "docs/extending.md", "exec"), names)
    hidden = names["R"].shape[1]
    assert names["R"].shape == (4 * hidden, hidden)
    a = shown("h5py")["a"]
    test = tiny_dataset("jsb").test
    assert [each.shape for each in a] == [(n, 88) for n in test.lengths]
    assert_equations(a[0][:, None], here, test[0][0][:, None])


def assert_equations(a, here, x, code="V"):
    spec = load_study(yaml.safe_load((here / "config.yaml").read_text())).trial("jsb", code, 0)
    shutil.copy(f"results/trials/jsb/{code}/0.h5", "trial.h5")
    run("export", "trial.h5", "--to", "npz", "--out", "weights.npz")
    with np.load("weights.npz") as file:
        wide = {name: file[name].astype(float) for name in file.files if name != "about"}
    expected = equations.network_forward(spec.network, wide, x.astype(float))
    np.testing.assert_allclose(a, expected, rtol=0, atol=1e-5)


def test_the_example_for_pytorch_gives_activations(here):
    pytest.importorskip("torch")
    run("export", "results/trials/jsb/NP/0.h5", "--to", "torch")
    a = shown("torch")["a"].detach().numpy()
    assert_equations(a, here, np.zeros((20, 1, 88)), "NP")


def test_the_example_for_onnx_gives_activations(here):
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    run("export", "results/trials/jsb/V/0.h5", "--to", "onnx")
    assert_equations(shown("onnxruntime")["a"], here, np.zeros((20, 1, 88)))
