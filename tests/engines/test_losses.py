"""Losses on every engine: in NumPy alone, as one of one's own is, and in faster forms."""

import numpy as np
import pytest

from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gluon.model import GluonModel
from odyssey.engines.gpu.model import GpuModel
from odyssey.engines.noise import Noise
from odyssey.engines.outside import value_and_gradient
from odyssey.losses import get_loss
from odyssey.networks.spec import UpdateRule
from tests.losses.squared_error import SQUARED, SquaredError
from tests.support.emulated_gpu import emulated_fleet
from tests.support.model_checks import (
    GRADIENT,
    check_differences,
    check_step,
    network,
    relative_error,
    sequence,
    started,
)

ENGINES = {
    "gluon": lambda spec, rule, fast=True: GluonModel(spec, rule, mx_loss=fast),
    "fused": lambda spec, rule, fast=True: FusedModel(spec, rule, fused_loss=fast),
    "gpu": lambda spec, rule, fast=True: GpuModel(
        spec, rule, emulated_fleet(spec.variant, loss_kernels=fast)
    ),
}
FAST = ["softmax", "bernoulli", "ctc", "squared"]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_of_ones_own_has_the_gradients_of_central_differences(engine, bidirectional):
    T, D, H, K = 7, 3, 4, 2
    spec = network("V", D, H, K, bidirectional, loss=SQUARED.name)
    check_differences(started(ENGINES[engine](spec, GRADIENT)), spec, T, rel=1e-6)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("loss", [*FAST, SQUARED.name])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_form_of_a_loss_equals_the_numpy_one(engine, loss, fast):
    spec = network("CIFG", 3, 9, 5, loss=loss)
    check_step(started(ENGINES[engine](spec, GRADIENT, fast)), 14, 2e-5, rel=2e-6)


@pytest.mark.parametrize("gaps", ["some", "all but the last", "all"])
@pytest.mark.parametrize("K", [2, 5, 20])
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_frame_without_a_label_teaches_nothing(engine, fast, K, gaps):
    def change(y):
        last = len(y) - 1
        lacking = {"some": lambda t: t % 3 == 1, "all but the last": lambda t: t != last}
        return np.where(lacking.get(gaps, lambda t: t >= 0)(np.arange(len(y))), -1, y)

    spec = network("V", 3, 9, K)
    model = started(ENGINES[engine](spec, GRADIENT, fast))
    check_step(model, 14, 2e-5, 5e-6, change)  # one frame: no roundings cancel


@pytest.mark.parametrize("loss", FAST)
@pytest.mark.parametrize("engine", ENGINES)
def test_runs_with_noise_end_where_those_with_the_faster_form_do(engine, loss):
    spec, rule = network("V", 3, 9, 5, loss=loss), UpdateRule(0.01, 0.9, clip=True)
    generator = np.random.default_rng(8)
    split = [sequence(spec, T, generator) for T in (9, 13, 17)]
    models = [started(ENGINES[engine](spec, rule, fast), std=0.1) for fast in (True, False)]
    losses = [
        [loss for k in (0, 3) for loss in model.train_run(split, [1, 0, 2], Noise(0.3, 5, k))]
        for model in models
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for get in (lambda model: model.get_parameters(), lambda model: model.get_state()["velocity"]):
        fast, slow = map(get, models)
        for name, value in fast.items():
            assert relative_error(slow[name], value) < 2e-5, name


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_of_ones_own_learns(engine):
    spec = network("V", 3, 8, 2, False, loss=SQUARED.name)
    model = started(ENGINES[engine](spec, UpdateRule(0.02, 0.9)), std=0.1)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(20, 3)).astype(np.float32)
    y = np.stack([x[:, 0], x[:, 1] - x[:, 2]], axis=1)
    first = model.evaluate(x, y)[0]
    for _ in range(80):
        model.train_step(x, y)
    assert model.evaluate(x, y)[0] < 0.1 * first


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unknown_loss_is_refused_with_the_legal_names(engine):
    with pytest.raises(ValueError, match=r"^unknown loss 'hinge': use softmax, ctc, bernoulli"):
        ENGINES[engine](network("V", 3, 4, 5, loss="hinge"), GRADIENT)


class Wrong(SquaredError):
    """A loss whose gradient is what ``found`` makes of the right one."""

    name = "wrong"

    def __init__(self, found):
        self._found = found

    def value_and_gradient(self, a, y):
        value, gradient = super().value_and_gradient(a, y)
        return value, self._found(gradient)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda d: d[:, :1], r"the shape \(4, 2\) of its activations, got the shape \(4, 1\)$"),
        (lambda d: d * np.nan, r"the shape \(4, 2\) .*, got some NaN$"),
    ],
)
def test_a_gradient_that_is_none_is_refused(found, message):
    a, y = np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32)
    with pytest.raises(ValueError, match=f"^the gradient of the loss 'wrong' [^\n]*{message}"):
        value_and_gradient(Wrong(found), a, y)


@pytest.mark.parametrize("scale", [1e30, 1e200])
def test_a_gradient_too_large_for_float32_is_a_divergence(scale):
    a, y = np.ones((4, 2), np.float32), np.zeros((4, 2), np.float32)
    value, gradient = value_and_gradient(Wrong(lambda d: d * scale), a, y)
    assert np.isinf(value) == (scale == 1e200)
    assert (gradient == (0 if np.isinf(value) else np.float32(scale))).all()


def test_a_loss_that_is_not_finite_has_no_gradient():
    a = np.zeros((2, 4), np.float32)
    value, gradient = value_and_gradient(get_loss("ctc"), a, np.array([1, 1]))
    assert value == np.inf
    assert (gradient == 0).all()
