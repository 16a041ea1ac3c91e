"""The Gluon network against the float64 equations, and its updates against the rule's formula."""

import numpy as np
import pytest

from odyssey.engines.gluon.model import GluonModel
from odyssey.engines.gluon.network import Network
from odyssey.engines.mx import mx
from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS, get_variant
from tests.support.model_checks import relative_error

T, B, D, H, K = 6, 2, 3, 5, 4
CODES = [*VARIANTS, "CIFG+NP", "NIG+NOAF", "CIFG+FGR", "NIG+NFG+NOG"]


def random_parameters(spec, generator):
    return {
        name: generator.normal(0, 0.4, shape) for name, shape in spec.parameter_shapes().items()
    }


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_outputs_and_gradients_equal_the_equations(code, bidirectional):
    generator = np.random.default_rng(7)
    spec = NetworkSpec(get_variant(code), D, H, K, bidirectional, "softmax")
    parameters = random_parameters(spec, generator)
    x, d_out = generator.normal(size=(T, B, D)), generator.normal(size=(T, B, K))
    network = Network(spec)
    network.initialize()
    network.hybridize()
    block = network.collect_params()
    for name, value in parameters.items():
        block[name.replace(".", "_")].set_data(mx.nd.array(value))
    x_mx = mx.nd.array(x)
    x_mx.attach_grad()
    with mx.autograd.record():
        a = network(x_mx)
    a.backward(mx.nd.array(d_out))

    gradients, dx = equations.network_backward(spec, parameters, x, d_out)
    assert relative_error(a.asnumpy(), equations.network_forward(spec, parameters, x)) < 2e-6
    assert relative_error(x_mx.grad.asnumpy(), dx) < 5e-6
    for name, gradient in gradients.items():
        got = block[name.replace(".", "_")].grad().asnumpy()
        assert relative_error(got, gradient) < 5e-6, name


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("clip", [True, False])
def test_updates_follow_the_rule(nesterov, clip):
    generator = np.random.default_rng(3)
    spec = NetworkSpec(VARIANTS["V"], D, H, K, False, "bernoulli")
    rule = UpdateRule(learning_rate=0.05, momentum=0.7, nesterov=nesterov, clip=clip)
    model = GluonModel(spec, rule)
    theta = {n: v.astype(np.float32) for n, v in random_parameters(spec, generator).items()}
    model.set_parameters(theta)
    theta = {name: value.astype(float) for name, value in theta.items()}
    v = {name: np.zeros_like(value) for name, value in theta.items()}
    x = generator.normal(size=(T, D)).astype(np.float32)
    y = generator.integers(0, 2, (T, K)).astype(np.uint8)
    for _ in range(5):
        a = equations.network_forward(spec, theta, x[:, None].astype(float))
        loss, d_a = get_loss("bernoulli").value_and_gradient(a[:, 0], y)
        wide = x[:, None].astype(float)
        gradient, _ = equations.network_backward(spec, theta, wide, d_a[:, None])
        assert model.train_step(x, y) == pytest.approx(loss, rel=1e-5)
        for name, g in gradient.items():
            g = np.clip(g, -1, 1) if clip else g
            v[name] = rule.momentum * v[name] - rule.step * g
            theta[name] += rule.momentum * v[name] - rule.step * g if nesterov else v[name]
    for name, value in model.get_parameters().items():
        assert relative_error(value, theta[name]) < 1e-5, name
    for name, value in model.get_state()["velocity"].items():
        assert relative_error(value, v[name]) < 1e-4, name


@pytest.mark.parametrize("loss", ["softmax", "bernoulli", "ctc", "squared"])
def test_losses_equal_the_equations(loss):
    generator = np.random.default_rng(5)
    spec = NetworkSpec(VARIANTS["NP"], D, H, K, True, loss)
    parameters = random_parameters(spec, generator)
    model = GluonModel(spec, UpdateRule(0.1, 0.5))
    model.set_parameters({n: v.astype(np.float32) for n, v in parameters.items()})
    x = generator.normal(size=(T, D)).astype(np.float32)
    y = get_loss(loss).draw_targets(generator, T, K)
    a = equations.network_forward(spec, parameters, x[:, None].astype(float))[:, 0]
    got, activations = model.evaluate(x, y)
    assert got == pytest.approx(get_loss(loss).value_and_gradient(a, y)[0], rel=1e-5)
    assert relative_error(activations, a) < 1e-5


@pytest.mark.parametrize("labels", [[0, 1, 2, 0, 1, 2, 0], [1, 1, 2, 2, 0], [0] * 6, [1] * 9])
def test_labels_that_do_not_fit_cost_infinitely_much_and_have_activations(labels):
    model = GluonModel(NetworkSpec(VARIANTS["V"], D, H, K, True, "ctc"), UpdateRule(0.1, 0.5))
    loss, activations = model.evaluate(np.zeros((T, D), np.float32), np.array(labels))
    assert loss == np.inf
    assert (activations == 0).all()
    assert model.evaluate(np.zeros((T, D), np.float32), np.array([0, 1, 1, 2]))[0] < np.inf


def test_a_loss_that_is_not_finite_changes_nothing():
    spec = NetworkSpec(VARIANTS["V"], D, H, K, False, "bernoulli")
    model = GluonModel(spec, UpdateRule(0.1, 0.5))
    parameters = {n: np.full(s, 0.1, np.float32) for n, s in spec.parameter_shapes().items()}
    model.set_parameters(parameters)
    x = np.full((T, D), np.nan, np.float32)
    assert np.isnan(model.train_step(x, np.zeros((T, K), np.uint8)))
    for name, value in model.get_parameters().items():
        assert (value == parameters[name]).all()
