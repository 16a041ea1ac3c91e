"""The oracle itself: central differences, identities between variants, a case solved by hand."""

import numpy as np
import pytest

from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import VARIANTS
from tests.support.model_checks import numeric_gradient

T, B, D, H, K = 5, 2, 3, 4, 6
CODES = [*VARIANTS, "CIFG+NP", "NIG+NOAF", "CIFG+FGR", "NIG+NFG+NOG", "JANET", "GRU", "RNN"]
LOSSES = ["softmax", "bernoulli", "ctc"]


def draw(spec, generator):
    parameters = {n: generator.normal(0, 0.5, s) for n, s in spec.parameter_shapes().items()}
    return parameters, generator.normal(size=(T, B, D))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("code", CODES)
def test_gradients_equal_central_differences(code, loss):
    generator = np.random.default_rng(11)
    spec = NetworkSpec(get_cell(code), D, H, K, True, loss)
    parameters, x = draw(spec, generator)
    y = [get_loss(loss).draw_targets(generator, T, K) for _ in range(B)]

    def losses():
        a = equations.network_forward(spec, parameters, x)
        return [get_loss(loss).value_and_gradient(a[:, b], y[b]) for b in range(B)]

    def value():
        return sum(value for value, _ in losses())

    d_output = np.stack([gradient for _, gradient in losses()], axis=1)
    gradients, dx = equations.network_backward(spec, parameters, x, d_output)
    np.testing.assert_allclose(dx, numeric_gradient(value, x), atol=5e-9)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(
            gradient, numeric_gradient(value, parameters[name]), atol=5e-9, err_msg=name
        )


def layer(code, generator):
    variant = VARIANTS[code]
    shapes = variant.parameter_shapes(D, H)
    return variant, {name: generator.normal(0, 0.7, shape) for name, shape in shapes.items()}


def outputs_and_input_gradient(variant, parameters, x, dy):
    run = equations.layer_forward(variant, parameters, x)
    return run.y, equations.layer_backward(variant, parameters, x, run, dy)[1]


def vanilla_twin(code, parameters):
    """The vanilla parameters under which V computes what the variant computes."""
    twin = dict(parameters)
    if code == "NP":
        twin["p"] = np.zeros(3 * H)
    if code == "CIFG":
        for name in ("W", "R", "b", "p"):
            own = np.split(parameters[name], 2 if name == "p" else 3)
            i = own[-2]
            twin[name] = np.concatenate([*own[:-1], -i, own[-1]])
    return twin


@pytest.mark.parametrize("code", ["NP", "CIFG"])
def test_identities_with_vanilla(code):
    generator = np.random.default_rng(2)
    variant, parameters = layer(code, generator)
    x, dy = generator.normal(size=(T, B, D)), generator.normal(size=(T, B, H))
    got = outputs_and_input_gradient(variant, parameters, x, dy)
    twin = vanilla_twin(code, parameters)
    expected = outputs_and_input_gradient(VARIANTS["V"], twin, x, dy)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_full_gate_recurrence_without_its_matrices_is_vanilla():
    generator = np.random.default_rng(2)
    variant, parameters = layer("FGR", generator)
    parameters["Q"] = np.zeros_like(parameters["Q"])
    x, dy = generator.normal(size=(T, B, D)), generator.normal(size=(T, B, H))
    got = outputs_and_input_gradient(variant, parameters, x, dy)
    del parameters["Q"]
    expected = outputs_and_input_gradient(VARIANTS["V"], parameters, x, dy)
    for ours, theirs in zip(got, expected, strict=True):
        assert (ours == theirs).all()


def test_two_steps_of_one_vanilla_block_by_hand():
    parameters = {
        "W": np.array([[1.0], [0.5], [-0.5], [2.0]]),
        "R": np.array([[0.1], [0.2], [0.3], [0.4]]),
        "b": np.array([0.0, 0.1, 0.2, 0.3]),
        "p": np.array([0.5, -0.5, 1.0]),
    }

    def s(a):
        return 1 / (1 + np.exp(-a))

    z1, i1 = np.tanh(1.0), s(0.5 + 0.1)
    c1 = z1 * i1
    y1 = np.tanh(c1) * s(2.0 + 0.3 + c1)
    z2 = np.tanh(-1 + 0.1 * y1)
    i2, f2 = s(-0.5 + 0.2 * y1 + 0.5 * c1 + 0.1), s(0.5 + 0.3 * y1 - 0.5 * c1 + 0.2)
    c2 = z2 * i2 + c1 * f2
    y2 = np.tanh(c2) * s(-2 + 0.4 * y1 + c2 + 0.3)
    x = np.array([1.0, -1.0]).reshape(2, 1, 1)
    y = equations.layer_forward(VARIANTS["V"], parameters, x).y
    np.testing.assert_allclose(y[:, 0, 0], [y1, y2], rtol=1e-14)


def test_the_full_gate_recurrence_connects_the_gates_as_named():
    """Q's block in row γ and column δ leads from the previous gate δ to gate γ."""
    variant = VARIANTS["FGR"]
    parameters = {name: np.zeros(shape) for name, shape in variant.parameter_shapes(1, 1).items()}
    parameters["Q"][2, 0] = 1.5  # from i to o
    act = equations.layer_forward(variant, parameters, np.zeros((2, 1, 1)))
    assert act.o[0, 0, 0] == 0.5
    assert act.o[1, 0, 0] == pytest.approx(1 / (1 + np.exp(-1.5 * 0.5)))
    assert act.i[1, 0, 0] == act.f[1, 0, 0] == 0.5
