"""What is exported computes what the equations in float64 say."""

import contextlib
import io
import json
import os
import pickle
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.networks import equations
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec
from odyssey.runs.results import write_block, write_trial
from odyssey.storage.tree_file import load_tree, save_tree
from tests.support.model_checks import random_parameters
from tests.support.trial_results import trial_result

T, B, D, H, K = 7, 3, 5, 4, 2
#: What torch's layers can say, and what only ONNX's can.
OF_TORCH = ["NP", "NIG+NP", "NFG+NP", "NOG+NP", "CIFG+NP", "NIG+NFG+NOG", "GRU", "RNN"]
OF_ONNX = ["V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "CIFG+NIAF", "NIAF+NOAF"]


def result(code):
    settings = {"task": "jsb", "variant": code, "trial": 7, "seed": 1, "protocol": {"patience": 9}}
    return trial_result(settings | {"hyperparameters": {"hidden": H}}, kernels="gluon")


def write(folder, code="V", bidirectional=True):
    """Write a finished trial with random weights; return its file, its weights and its network."""
    spec = NetworkSpec(get_cell(code), D, H, K, bidirectional, "softmax")
    parameters = random_parameters(spec, np.random.default_rng(len(code)), std=0.7)
    write_trial(folder / "7.h5", result(code), parameters)
    return folder / "7.h5", parameters, spec


def sequences():
    return np.random.default_rng(3).normal(size=(T, B, D)).astype(np.float32)


def expected(spec, parameters):
    """Return the activations (T, B, K) by the equations in float64."""
    wide = {name: value.astype(float) for name, value in parameters.items()}
    return equations.network_forward(spec, wide, sequences().astype(float))


def run(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def exported(path, format, out):
    ran = run(path, "--to", format, "--out", out)
    assert ran.exit_code == 0, ran.output
    return ran.output


def refused(*arguments):
    ran = run(*arguments)
    assert (ran.exit_code, type(ran.exception)) == (1, SystemExit)
    assert ran.output.startswith("Error: ")
    assert ran.output.count("\n") == 1
    return ran.output


@pytest.mark.parametrize("code", ["FGR", "V"])
def test_npz_holds_every_array_by_its_name(tmp_path, code):
    path, parameters, _ = write(tmp_path, code)
    words = exported(path, "npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        about = json.loads(str(file["about"]))
        assert set(file.files) == {*parameters, "about"}
        for name, value in parameters.items():
            assert file[name].dtype == np.float32
            assert (file[name] == value).all()
            assert f"{name:<32}{' × '.join(map(str, value.shape))}" in words
    assert (about["task"], about["variant"], about["trial"]) == ("jsb", code, 7)
    assert (about["best_epoch"], about["epochs"], about["test"]) == (2, 3, 8.2)


def test_a_cell_that_nobody_has_registered_is_exported_as_arrays_alone(tmp_path):
    path, parameters, _ = write(tmp_path)
    save_tree(path, load_tree(path) | {"variant": "MINE"})
    exported(path, "npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        assert (file["forward.R"] == parameters["forward.R"]).all()
    for format in ("torch", "onnx"):
        assert f"{format} can't say MINE" in refused(path, "--to", format)


class TorchReader(pickle.Unpickler):
    """Reads a state dict without PyTorch, and names nothing but what it must."""

    def __init__(self, archive):
        super().__init__(io.BytesIO(archive.read("archive/data.pkl")))
        self._archive = archive

    def find_class(self, module, name):
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): "<f4",
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
        }
        return known[module, name]

    def persistent_load(self, pid):
        _, dtype, key, device, count = pid
        storage = np.frombuffer(self._archive.read(f"archive/data/{key}"), dtype)
        assert (device, count) == ("cpu", len(storage))
        return storage

    def _tensor(self, storage, offset, size, stride, requires_grad, hooks):
        assert (offset, requires_grad, hooks) == (0, False, OrderedDict())
        return np.lib.stride_tricks.as_strided(storage, size, [4 * step for step in stride])


def read_state_dict(path):
    with zipfile.ZipFile(path) as archive:
        return TorchReader(archive).load()


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def torch_layer(kind, state, suffix, x):
    """Return the outputs of nn.LSTM, nn.GRU or nn.RNN by the equations of PyTorch's pages."""
    W, R, b, c = (
        state[f"recurrent.{name}{suffix}"].astype(float)
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    )
    h, cell, outputs = np.zeros((B, H)), np.zeros((B, H)), []
    for x_t in x:
        own, other = x_t @ W.T + b, h @ R.T + c
        if kind == "LSTM":
            i, f, g, o = np.split(own + other, 4, axis=1)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(cell)
        elif kind == "GRU":
            (r, z, n), (hr, hz, hn) = (np.split(a, 3, axis=1) for a in (own, other))
            r, z = sigmoid(r + hr), sigmoid(z + hz)
            h = (1 - z) * np.tanh(n + r * hn) + z * h
        else:
            h = np.tanh(own + other)
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("code", OF_TORCH)
def test_the_state_dict_gives_the_activations_by_pytorchs_equations(tmp_path, code, bidirectional):
    path, parameters, spec = write(tmp_path, code, bidirectional)
    exported(path, "torch", tmp_path / "a.pt")
    state = read_state_dict(tmp_path / "a.pt")
    kind = code if code in ("GRU", "RNN") else "LSTM"
    x = sequences().astype(float)
    sides = [torch_layer(kind, state, "", x)]
    if bidirectional:
        sides.append(torch_layer(kind, state, "_reverse", x[::-1])[::-1])
    a = np.concatenate(sides, axis=2) @ state["output.weight"].T + state["output.bias"]
    np.testing.assert_allclose(a, expected(spec, parameters), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("code", OF_TORCH)
def test_pytorch_itself_gives_the_activations(tmp_path, code, bidirectional):
    torch = pytest.importorskip("torch")
    path, parameters, spec = write(tmp_path, code, bidirectional)
    exported(path, "torch", tmp_path / "a.pt")
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    kind = getattr(torch.nn, code if code in ("GRU", "RNN") else "LSTM")
    net = torch.nn.ModuleDict(
        {
            "recurrent": kind(D, H, bidirectional=bidirectional),
            "output": torch.nn.Linear((1 + bidirectional) * H, K),
        }
    )
    net.load_state_dict(state)
    with torch.no_grad():
        a = net["output"](net["recurrent"](torch.from_numpy(sequences()))[0]).numpy()
    np.testing.assert_allclose(a, expected(spec, parameters), rtol=0, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("code", [*OF_TORCH, *OF_ONNX])
def test_onnxruntime_gives_the_activations(tmp_path, code, bidirectional):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    path, parameters, spec = write(tmp_path, code, bidirectional)
    exported(path, "onnx", tmp_path / "a.onnx")
    session = runtime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    (a,) = session.run(None, {"x": sequences()})
    assert (session.get_outputs()[0].name, a.shape) == ("activations", (T, B, K))
    np.testing.assert_allclose(a, expected(spec, parameters), rtol=0, atol=1e-5)
    about = json.loads(session.get_modelmeta().custom_metadata_map["about"])
    assert (about["variant"], about["best_epoch"]) == (code, 2)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    path, _, _ = write(tmp_path, "NP")
    for name in ("a", "b"):
        exported(path, "torch", tmp_path / f"{name}.pt")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.parametrize(
    ("code", "format", "words"),
    [
        ("V", "torch", "its nn.LSTM has no peepholes; use --to onnx"),
        ("NIAF", "torch", "has no peepholes, no linear block input; use --to onnx"),
        ("NOAF+NP", "torch", "has no linear block output; use --to onnx"),
        ("FGR", "torch", "no full gate recurrence; use --to npz"),
        ("FGR+NP", "onnx", "its LSTM has no full gate recurrence; use --to npz"),
    ],
)
def test_what_a_format_cannot_say_is_refused_in_one_line(tmp_path, code, format, words):
    path, _, _ = write(tmp_path, code)
    said = refused(path, "--to", format, "--out", tmp_path / "a")
    assert words in said
    assert f"jsb/{code}/7: {format} can't say {code}: " in said
    assert not (tmp_path / "a").exists()


def a_text(path):
    path.write_text("x")


def a_block(path):
    write_block(path, [result("V")])


def a_checkpoint(path):
    write(path.parent)
    os.replace(path.parent / "7.h5", path)
    save_tree(path, load_tree(path) | {"status": "running"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_text, "not a file of odyssey's"),
        (a_block, "must be an odyssey trial file, is 'odyssey block'"),
        (a_checkpoint, "must be a finished trial, is a checkpoint after epoch 3"),
        (os.mkfifo, "is a device or a pipe"),
    ],
)
def test_what_is_no_finished_trial_is_refused_in_one_line(tmp_path, make, words):
    make(tmp_path / "a.h5")
    assert words in refused(tmp_path / "a.h5", "--to", "npz", "--out", tmp_path / "a.npz")


def test_a_trials_own_file_is_not_written_over(tmp_path):
    path, _, _ = write(tmp_path)
    before = path.read_bytes()
    assert "must be another file" in refused(path, "--to", "npz", "--out", path)
    assert path.read_bytes() == before


def test_without_the_package_onnx_one_line_says_what_to_install(tmp_path, monkeypatch):
    path, _, _ = write(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install onnx" in refused(path, "--to", "onnx", "--out", tmp_path / "a.onnx")


def test_the_default_name_says_what_it_is(tmp_path):
    path, _, _ = write(tmp_path, "NP")
    with contextlib.chdir(tmp_path):
        assert run(path, "--to", "torch").exit_code == 0
    assert (tmp_path / "jsb-NP-7.pt").exists()
