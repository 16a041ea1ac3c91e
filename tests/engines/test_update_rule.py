"""The update rule of every engine against its formula in float64, on an LSTM of unequal sizes."""

import numpy as np
import pytest

from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.spec import UpdateRule
from tests.engines.test_models import MAKERS
from tests.support.model_checks import (
    as_float64,
    network,
    random_parameters,
    relative_error,
    sequence,
)

D, H, K, LENGTHS = 4, 10, 7, (12, 5, 17, 9)
RULES = {
    "plain": UpdateRule(0.02, 0.8),
    "not rescaled": UpdateRule(0.004, 0.8, rescale=False),
    "clip": UpdateRule(0.02, 0.8, clip=0.3),
    "decay": UpdateRule(0.02, 0.8, weight_decay=0.5),
    "both": UpdateRule(0.02, 0.8, clip=0.3, weight_decay=0.5),
    "both, classical": UpdateRule(0.02, 0.8, nesterov=False, clip=0.3, weight_decay=0.5),
}


def started(engine, spec, rule):
    """Return a model and its parameters in float64, scaled so that some gradients are clipped."""
    model = MAKERS[engine](spec, rule)
    model.set_parameters(random_parameters(spec, np.random.default_rng(2), 0.3))
    return model, as_float64(model.get_parameters())


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("engine", MAKERS)
def test_steps_follow_the_rule_in_float64(engine, name):
    spec, rule, generator = network("V", D, H, K), RULES[name], np.random.default_rng(6)
    model, theta = started(engine, spec, rule)
    velocity = {n: np.zeros_like(value) for n, value in theta.items()}
    data, limited = [sequence(spec, T, generator) for T in LENGTHS], []
    for x, y in data * 2:
        wide = x[:, None].astype(float)
        a = equations.network_forward(spec, theta, wide)
        loss, d_a = get_loss(spec.loss).value_and_gradient(a[:, 0], y)
        gradient, _ = equations.network_backward(spec, theta, wide, d_a[:, None])
        assert model.train_step(x, y) == pytest.approx(loss, rel=1e-5)
        for n, g in gradient.items():
            limited.append(np.mean(np.abs(g) > 0.3))
            theta[n], velocity[n] = equations.update(rule, theta[n], velocity[n], g)
    assert 0.05 < np.mean(limited) < 0.95
    for got, wanted in ((model.get_parameters(), theta), (model.get_velocity(), velocity)):
        for n, value in wanted.items():
            assert relative_error(got[n], value) < 2e-5, n


@pytest.mark.parametrize("engine", MAKERS)
def test_true_is_a_limit_of_one_false_is_none_and_no_decay_is_the_default(engine):
    spec = network("NP", D, H, K)
    data = [sequence(spec, T, np.random.default_rng(T)) for T in LENGTHS]

    def trained(**options):
        model, _ = started(engine, spec, UpdateRule(0.05, 0.7, **options))
        for x, y in data:
            model.train_step(x, y)
        return model.get_parameters()

    def same(one, other):
        return all(np.array_equal(value, other[n]) for n, value in one.items())

    plain = trained()
    assert same(plain, trained(clip=False))
    assert same(plain, trained(clip=0.0, weight_decay=0.0, rescale=True))
    assert same(plain, trained(clip=1e20))
    assert same(trained(clip=True), trained(clip=1.0))
    assert not same(plain, trained(clip=True))
    assert not same(trained(clip=0.5), trained(clip=True))
    assert not same(plain, trained(weight_decay=1e-3))


def test_the_oracle_of_a_step_is_right_by_hand():
    theta, velocity, gradient = (np.array([value]) for value in (2.0, 0.5, 7.0))
    rule = UpdateRule(1.0, 0.5, clip=3.0, weight_decay=0.25)
    # g = 3 + 0.25 · 2 = 3.5, the step 0.5: v = 0.25 − 1.75 = −1.5; θ = 2 − 0.75 − 1.75
    assert equations.update(rule, theta, velocity, gradient) == (-0.5, -1.5)
    classical = UpdateRule(1.0, 0.5, nesterov=False, rescale=False)
    # v = 0.25 − 7
    assert equations.update(classical, theta, velocity, gradient) == (-4.75, -6.75)
