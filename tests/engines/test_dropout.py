"""Dropout of the recurrent layer's outputs: its law, and every engine against float64."""

import numpy as np
import pytest
from scipy import stats

from odyssey.engines.noise import Noise
from odyssey.losses import get_loss
from odyssey.networks import equations
from tests.engines.test_models import MAKERS
from tests.support.model_checks import (
    GRADIENT,
    as_float64,
    check_gradient,
    network,
    numeric_gradient,
    sequence,
    started,
)

D, K, T = 4, 7, 13


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_the_share_is_dropped_and_the_rest_makes_up_for_it(share):
    mask = Noise(0.0, 3, 5, share).mask(500, 400)
    kept = mask > 0
    assert stats.binomtest(int((~kept).sum()), kept.size, share).pvalue > 0.001
    one = np.float32(1)
    assert set(np.unique(mask)) == {np.float32(0), one / (one - np.float32(share))}
    for axis in (0, 1):  # neither frames nor units go together
        one, other = (np.take(kept, range(k, 399 + k), axis) for k in (0, 1))
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.015


def test_every_presentation_and_trial_drops_others_and_the_noise_knows_nothing_of_it():
    mask, normal = Noise(1.0, 7, 1, 0.5).mask(100, 40).ravel(), Noise(1.0, 7, 1).standard(4000)
    for other in (Noise(1.0, 8, 1, 0.5), Noise(1.0, 7, 2, 0.5), Noise(1.0, 7, 1 + 2**32, 0.5)):
        assert 0.4 < (mask != other.mask(100, 40).ravel()).mean() < 0.6
    assert abs(np.corrcoef(mask, normal)[0, 1]) < 0.06
    assert (Noise(1.0, 7, 1, 0.5).standard(4000) == normal).all()
    assert Noise(1.0, 7, 1).mask(100, 40) is None


def loss_and_gradient(spec, theta, x, y, mask):
    wide = x[:, None].astype(float)
    a = equations.network_forward(spec, theta, wide, mask)
    loss, d_a = get_loss(spec.loss).value_and_gradient(a[:, 0], y)
    return loss, equations.network_backward(spec, theta, wide, d_a[:, None], mask)[0]


def test_the_oracle_agrees_with_central_differences():
    spec = network("V", 2, 3, 4)
    x, y = sequence(spec, 5, np.random.default_rng(1))
    mask = Noise(0.0, 1, 2, 0.4).mask(5, 6)[:, None].astype(float)
    generator = np.random.default_rng(4)
    theta = {n: generator.normal(0, 0.3, shape) for n, shape in spec.parameter_shapes().items()}

    def value():
        a = equations.network_forward(spec, theta, x[:, None].astype(float), mask)[:, 0]
        return get_loss(spec.loss).value_and_gradient(a, y)[0]

    _, gradient = loss_and_gradient(spec, theta, x, y, mask)
    for n, array in theta.items():
        found = numeric_gradient(value, array)
        np.testing.assert_allclose(gradient[n], found, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("engine", "H", "both", "loss"),
    [
        ("gluon", 10, True, "softmax"),
        *(("fused", H, both, "softmax") for H in (5, 16, 21, 67) for both in (True, False)),
        ("fused", 21, True, "ctc"),
        ("gpu", 21, True, "bernoulli"),
        ("gpu", 33, False, "softmax"),
    ],
)
def test_a_step_drops_what_it_should_and_its_gradient_is_of_the_rest(engine, H, both, loss):
    spec, noise = network("V", D, H, K, both, loss), Noise(0.0, 2**63 + 9, 2**40, 0.4)
    model = started(MAKERS[engine](spec, GRADIENT))
    x, y = sequence(spec, T, np.random.default_rng(1))
    mask = noise.mask(T, len(spec.directions) * H)[:, None].astype(float)
    theta = as_float64(model.get_parameters())
    loss, gradient = loss_and_gradient(spec, theta, x, y, mask)
    assert model.train_step(x, y, noise) == pytest.approx(loss, rel=1e-6)
    check_gradient(model, gradient, 2e-5)
    moved = as_float64(model.get_parameters())
    without, _ = loss_and_gradient(spec, moved, x, y, 1.0)
    assert model.evaluate(x, y)[0] == pytest.approx(without, rel=1e-5)


@pytest.mark.parametrize("engine", MAKERS)
def test_no_dropout_is_the_step_without_and_a_step_after_dropout_drops_nothing(engine):
    spec = network("V", D, 9, K, bidirectional=False)
    x, y = sequence(spec, T, np.random.default_rng(1))
    model, other = (started(MAKERS[engine](spec, GRADIENT)) for _ in range(2))
    first = model.get_parameters()
    dropped = model.train_step(x, y, Noise(0.3, 1, 2, 0.5))
    model.set_parameters(first)
    plain = model.train_step(x, y, Noise(0.3, 1, 2, 0.0))
    assert plain == other.train_step(x, y, Noise(0.3, 1, 2)) != dropped
