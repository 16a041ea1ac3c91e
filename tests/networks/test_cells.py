"""Cells: one step for Gluon and for float64, of the LSTM, GRU, RNN and of cells of one's own."""

import logging
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from odyssey.engines import choose
from odyssey.engines.fused import build
from odyssey.engines.fused.build import is_missing
from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gluon.model import GluonModel
from odyssey.engines.gpu.driver import GpuError
from odyssey.engines.gpu.source import options
from odyssey.networks import equations
from odyssey.networks.cells import CELLS, get_cell, has_kernels, register
from odyssey.networks.gru import GRU
from odyssey.networks.rnn import RNN, TanhNetwork
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS, get_variant
from tests.losses.squared_error import SQUARED
from tests.networks.own_cells import LEAKY, LeakyNetwork
from tests.support.model_checks import (
    GRADIENT,
    check_differences,
    sequence,
    started,
)
from tests.support.rows import rows_of_a_test

T, B, D, H, K = 6, 2, 3, 5, 4


@pytest.mark.parametrize("loss", ["softmax", SQUARED.name])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("code", ["LEAKY", "RNN", "GRU", "V", "FGR+CIFG"])
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


@pytest.mark.parametrize("code", ["GRU", "RNN"])
def test_torch_agrees_about_outputs_and_gradients(code):
    torch = pytest.importorskip("torch", reason="torch is optional: pip install odyssey[bench]")
    cell, generator = get_cell(code), np.random.default_rng(5)
    p, x = parameters_of(cell, generator), generator.normal(size=(T, B, D))
    dy = generator.normal(size=(T, B, H))
    theirs = getattr(torch.nn, code)(D, H, dtype=torch.float64)
    inner = np.concatenate([np.zeros(2 * H), p["bn"]]) if code == "GRU" else np.zeros(H)
    with torch.no_grad():
        for weights, value in zip(
            theirs.parameters(), (p["W"], p["R"], p["b"], inner), strict=True
        ):
            weights.copy_(torch.tensor(value))
    inputs = torch.tensor(x, requires_grad=True)
    y = theirs(inputs)[0]
    y.backward(torch.tensor(dy))
    np.testing.assert_allclose(equations.cell_forward(cell, p, x), y.detach().numpy(), rtol=1e-11)
    found, dx = equations.cell_backward(cell, p, x, dy)
    W, R, b, b_R = (weights.grad.numpy() for weights in theirs.parameters())
    expected = {"W": W, "R": R, "b": b, "bn": b_R[-H:]}
    np.testing.assert_allclose(dx, inputs.grad.numpy(), rtol=1e-9)
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("code", ["LEAKY", "RNN", "GRU"])
def test_a_cell_learns_on_gluon(code):
    spec = NetworkSpec(get_cell(code), D, H, K, True, "softmax")
    model = started(GluonModel(spec, UpdateRule(0.05, 0.9)), std=0.1)
    x, y = sequence(spec, 12, np.random.default_rng(2))
    first = model.evaluate(x, y)[0]
    for _ in range(60):
        model.train_step(x, y)
    assert model.evaluate(x, y)[0] < 0.5 * first


def test_gluon_trains_what_the_kernels_do_not_know_and_says_so_once(caplog, monkeypatch):
    monkeypatch.setattr(choose, "_told", set())
    spec = NetworkSpec(LEAKY, D, H, K, False, "softmax")
    with caplog.at_level(logging.WARNING):
        models = [choose.new_model(spec, GRADIENT, "fused") for _ in range(2)]
    assert all(isinstance(model, GluonModel) for model in models)
    assert caplog.messages == ["the fused kernels don't know the cell LEAKY: Gluon trains it"]
    assert choose.kernels_here(LEAKY, "fused") == "gluon"
    for code in ("V", "GRU", "RNN"):
        assert choose.kernels_here(get_cell(code), "fused").startswith("fused, ")


@pytest.mark.parametrize("code", ["GRU", "RNN", "LEAKY"])
def test_on_a_gpu_cells_beside_the_lstm_are_gluons(code, monkeypatch, caplog):
    monkeypatch.setattr(choose, "_told", set())
    assert not has_kernels(get_cell(code), "gpu")
    assert choose.kernels_for(get_cell(code), "fused", "gpu") == "gluon"
    spec = NetworkSpec(get_cell(code), D, H, K, False, "softmax")
    with caplog.at_level(logging.WARNING), pytest.raises(GpuError, match=r"^[^\n]*$"):
        choose.new_model(spec, GRADIENT, "fused", "gpu")  # this MXNet knows no CUDA
    assert caplog.messages == [f"the GPU kernels don't know the cell {code}: Gluon trains it"]
    with pytest.raises(ValueError, match=f"^the cell '{code}' is no variant of the LSTM"):
        options(spec.variant, (8, 0), 0)


def test_the_kernels_refuse_and_the_build_leaves_out_what_they_do_not_know(compiler):
    spec = NetworkSpec(LEAKY, D, H, K, False, "softmax")
    with pytest.raises(ValueError, match=r"^the cell 'LEAKY' is no variant of the LSTM[^\n]*gluon"):
        FusedModel(spec, GRADIENT)
    assert not is_missing([LEAKY])
    assert build([LEAKY, get_cell("NP")], ["portable"]) == build([get_cell("NP")], ["portable"])


def test_an_unknown_cell_is_refused_with_the_legal_codes():
    with pytest.raises(
        ValueError, match=r"^unknown cell 'QRNN': use V, NIG, .*GRU, RNN.* or several"
    ):
        get_cell("QRNN")
    with pytest.raises(ValueError, match=r"^unknown cell 'GRU' in 'NP\+GRU': use V, NIG"):
        get_cell("NP+GRU")
    assert get_cell("GRU") is GRU
    assert get_cell("CIFG+NP") == get_variant("CIFG+NP")


def test_a_code_is_given_once_and_shapes_fit_the_blocks():
    assert register(CELLS["RNN"]) is RNN
    assert register(TanhNetwork()) == RNN
    with pytest.raises(ValueError, match="there is a cell 'V' already"):
        register(LeakyNetwork("V"))

    class Odd(LeakyNetwork):
        blocks = ("r", "u")

    with pytest.raises(ValueError, match=r"^the cell 'ODD' must have parameters W \(blocks·H, D\)"):
        register(Odd("ODD"))


def stepping(step):
    """The class of a leaky network with another step."""
    return dataclass(frozen=True)(type("Own", (LeakyNetwork,), {"step": step}))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            lambda self, ops, a, state, p: (a, [a, a]),
            "must return the output (B, H) and a list of the 1 states (B, H), got the shapes "
            "[(2, 5), [(2, 5), (2, 5)]] for B = 2, D = 3, H = 5",
        ),
        (lambda self, ops, a, state, p: a, "fails for B = 2, D = 3, H = 5: TypeError: "),
        (
            lambda self, ops, a, state, p: (a + p["k"], state),
            "ValueError: +, − and × are for equal shapes and numbers, got (2, 5) and (5,)",
        ),
        (
            lambda self, ops, a, state, p: (ops.product(a, p["W"], 1), state),
            "a product of (2, 5) in 1 blocks must have the shape (5, 5), got (5, 3)",
        ),
        (
            lambda self, ops, a, state, p: (ops.split(a, 2)[0], state),
            "(2, 5) can't be split in 2 blocks of 5",
        ),
        (
            lambda self, ops, a, state, p: (ops.times(ops.join([a, a]), p["k"]), state),
            "a vector for (2, 10) must have (10,), got (5,)",
        ),
        (lambda self, ops, a, state, p: (ops.tanh(p["V"]), state), "KeyError: 'V'"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_before_it_trains(step, words):
    with pytest.raises(ValueError, match=r"^the step of the cell 'OWN' ") as caught:
        register(stepping(step)("OWN"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "OWN" not in CELLS


def test_a_step_may_compute_with_numbers():
    def step(self, ops, a, state, p):
        y = 1 - 0.5 * ops.exp(-(a**2)) / 2 + 1 / (2 + ops.relu(a)) - state[0]
        return y, [y]

    with rows_of_a_test():
        assert register(stepping(step)("OWN")).code == "OWN"


def test_a_cell_can_be_hashed():
    @dataclass
    class Own:
        code: str = "OWN"
        blocks = state = ("y",)
        parameter_shapes, step = LeakyNetwork.parameter_shapes, LeakyNetwork.step

    with pytest.raises(ValueError, match=r"'OWN' must be hashable: .* @dataclass\(frozen=True\)$"):
        register(Own())


def test_importing_the_cells_is_light():
    code = "import odyssey.networks.cells, odyssey.networks.spec, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not {"numpy", "mxnet"} & set(loaded.decode().split())


def test_the_oracle_has_no_gradients_by_hand_of_other_cells():
    spec = NetworkSpec(LEAKY, D, H, K, True, "softmax")
    theta = {name: np.zeros(shape) for name, shape in spec.parameter_shapes().items()}
    with pytest.raises(ValueError, match="the cell 'LEAKY' is no variant of the LSTM"):
        equations.network_backward(spec, theta, np.zeros((T, B, D)), np.zeros((T, B, K)))
