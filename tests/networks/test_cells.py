"""Cells: one step for Gluon and for float64, of the LSTM and of cells of one's own."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from odyssey.engines import choose
from odyssey.engines.fused import build
from odyssey.engines.fused.build import is_missing
from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gluon.model import GluonModel
from odyssey.networks import equations
from odyssey.networks.cells import CELLS, get_cell, register
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS, get_variant
from tests.losses.squared_error import SQUARED
from tests.networks.own_cells import GRU, RNN, Gru, TanhRnn
from tests.support.model_checks import (
    GRADIENT,
    check_differences,
    sequence,
    started,
)

T, B, D, H, K = 6, 2, 3, 5, 4


@pytest.mark.parametrize("loss", ["softmax", SQUARED.name])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("code", ["RNN", "GRU", "V", "FGR+CIFG"])
def test_gluon_has_the_gradients_of_central_differences(code, bidirectional, loss):
    spec = NetworkSpec(get_cell(code), D, H, K, bidirectional, loss)
    check_differences(started(GluonModel(spec, GRADIENT)), spec, T, rel=1e-5)


def parameters_of(cell, generator):
    shapes = cell.parameter_shapes(D, H)
    return {name: generator.normal(0, 0.7, shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("code", [*VARIANTS, "CIFG+NP", "NIG+NFG+NOG", "FGR+CIFG"])
def test_the_lstms_step_is_what_its_gradients_start_from(code):
    cell, generator = get_variant(code), np.random.default_rng(3)
    p, x = parameters_of(cell, generator), generator.normal(size=(T, B, D))
    assert (equations.cell_forward(cell, p, x) == equations.layer_forward(cell, p, x).y).all()


def test_the_gru_equals_its_definition():
    generator = np.random.default_rng(5)
    p, x = parameters_of(GRU, generator), generator.normal(size=(T, B, D))
    W, R, b = (np.split(p[name], 3) for name in ("W", "R", "b"))
    h, expected = np.zeros((B, H)), []
    for x_t in x:
        r = 1 / (1 + np.exp(-(x_t @ W[0].T + h @ R[0].T + b[0])))
        u = 1 / (1 + np.exp(-(x_t @ W[1].T + h @ R[1].T + b[1])))
        n = np.tanh(x_t @ W[2].T + b[2] + r * (h @ R[2].T + p["bn"]))
        h = n - u * n + u * h
        expected.append(h)
    np.testing.assert_allclose(equations.cell_forward(GRU, p, x), expected, rtol=1e-11)


def test_torch_agrees_about_the_gru():
    torch = pytest.importorskip("torch", reason="torch is optional: pip install odyssey[bench]")
    generator = np.random.default_rng(5)
    p, x = parameters_of(GRU, generator), generator.normal(size=(T, B, D))
    theirs = torch.nn.GRU(D, H, dtype=torch.float64)
    values = (p["W"], p["R"], p["b"], np.concatenate([np.zeros(2 * H), p["bn"]]))
    with torch.no_grad():
        for weights, value in zip(theirs.parameters(), values, strict=True):
            weights.copy_(torch.tensor(value))
        y = theirs(torch.tensor(x))[0].numpy()
    np.testing.assert_allclose(equations.cell_forward(GRU, p, x), y, rtol=1e-11)


@pytest.mark.parametrize("code", ["RNN", "GRU"])
def test_a_cell_of_ones_own_learns(code):
    spec = NetworkSpec(get_cell(code), D, H, K, True, "softmax")
    model = started(GluonModel(spec, UpdateRule(0.05, 0.9)), std=0.1)
    x, y = sequence(spec, 12, np.random.default_rng(2))
    first = model.evaluate(x, y)[0]
    for _ in range(60):
        model.train_step(x, y)
    assert model.evaluate(x, y)[0] < 0.5 * first


def test_gluon_trains_what_the_kernels_do_not_know_and_says_so_once(caplog, monkeypatch):
    monkeypatch.setattr(choose, "_told", set())
    spec = NetworkSpec(GRU, D, H, K, False, "softmax")
    with caplog.at_level(logging.WARNING):
        models = [choose.new_model(spec, GRADIENT, "fused") for _ in range(2)]
    assert all(isinstance(model, GluonModel) for model in models)
    assert caplog.messages == ["the fused kernels don't know the cell GRU: Gluon trains it"]
    assert choose.kernels_here(GRU, "fused") == "gluon"
    assert choose.kernels_here(get_cell("V"), "fused").startswith("fused, ")


def test_the_kernels_refuse_and_the_build_leaves_out_what_they_do_not_know(compiler):
    spec = NetworkSpec(GRU, D, H, K, False, "softmax")
    with pytest.raises(ValueError, match=r"^the cell 'GRU' is no variant of the LSTM[^\n]*gluon"):
        FusedModel(spec, GRADIENT)
    assert not is_missing([GRU])
    assert build([GRU, get_cell("NP")], ["portable"]) == build([get_cell("NP")], ["portable"])


def test_an_unknown_cell_is_refused_with_the_legal_codes():
    with pytest.raises(ValueError, match=r"^unknown cell 'QRNN': use V, NIG, .*GRU.* or several"):
        get_cell("QRNN")
    with pytest.raises(ValueError, match=r"^unknown cell 'GRU' in 'NP\+GRU': use V, NIG"):
        get_cell("NP+GRU")
    assert get_cell("GRU") is GRU
    assert get_cell("CIFG+NP") == get_variant("CIFG+NP")


def test_a_code_is_given_once_and_shapes_fit_the_blocks():
    assert register(CELLS["RNN"]) is RNN
    with pytest.raises(ValueError, match="there is a cell 'V' already"):
        register(TanhRnn("V"))

    class Odd(Gru):
        blocks = ("r", "u")

    with pytest.raises(ValueError, match=r"^the cell 'ODD' must have parameters W \(blocks·H, D\)"):
        register(Odd("ODD"))


def test_importing_the_cells_is_light():
    code = "import odyssey.networks.cells, odyssey.networks.spec, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not {"numpy", "mxnet"} & set(loaded.decode().split())


def test_the_oracle_has_no_gradients_by_hand_of_other_cells():
    spec = NetworkSpec(RNN, D, H, K, True, "softmax")
    theta = {name: np.zeros(shape) for name, shape in spec.parameter_shapes().items()}
    with pytest.raises(ValueError, match="the cell 'RNN' is no variant of the LSTM"):
        equations.network_backward(spec, theta, np.zeros((T, B, D)), np.zeros((T, B, K)))
