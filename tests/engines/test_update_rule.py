"""The update rules of every engine against float64 formulas, on an LSTM of unequal sizes."""

from itertools import product

import numpy as np
import pytest

from odyssey.engines.fused.loader import interface
from odyssey.engines.noise import Noise
from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.spec import RULES, UpdateRule
from odyssey.networks.variants import VANILLA
from tests.engines.test_models import MAKERS
from tests.support.model_checks import (
    as_float64,
    network,
    random_parameters,
    relative_error,
    sequence,
)

D, H, K, LENGTHS = 4, 10, 7, (12, 5, 17, 9)
BOTH = {"clip": 0.3, "weight_decay": 0.5}
# With an ε as large as a gradient a rounding error of the gradient stays one.
WIDE = {"epsilon": 0.1}
CASES = {
    "plain": UpdateRule(0.02, 0.8),
    "not rescaled": UpdateRule(0.004, 0.8, rescale=False),
    "clip": UpdateRule(0.02, 0.8, clip=0.3),
    "decay": UpdateRule(0.02, 0.8, weight_decay=0.5),
    "both": UpdateRule(0.02, 0.8, **BOTH),
    "both, classical": UpdateRule(0.02, 0.8, nesterov=False, **BOTH),
    "sgd": UpdateRule(0.02, optimizer="sgd"),
    "sgd, both": UpdateRule(0.02, optimizer="sgd", **BOTH),
    "adam": UpdateRule(0.02, optimizer="adam", **WIDE),
    "adam, both": UpdateRule(0.02, optimizer="adam", beta1=0.6, beta2=0.8, **WIDE, **BOTH),
    "adam without memory": UpdateRule(0.02, optimizer="adam", beta1=0.0, beta2=0.0, **WIDE),
    "rmsprop": UpdateRule(0.002, optimizer="rmsprop", **WIDE),
    "rmsprop, both": UpdateRule(0.002, optimizer="rmsprop", rho=0.5, **WIDE, **BOTH),
}


def started(engine, spec, rule):
    """Return a model and its parameters in float64, scaled so that some gradients are clipped."""
    model = MAKERS[engine](spec, rule)
    model.set_parameters(random_parameters(spec, np.random.default_rng(2), 0.3))
    return model, as_float64(model.get_parameters())


def gradients_of(spec, theta, x, y):
    wide = x[:, None].astype(float)
    a = equations.network_forward(spec, theta, wide)
    loss, d_a = get_loss(spec.loss).value_and_gradient(a[:, 0], y)
    return loss, equations.network_backward(spec, theta, wide, d_a[:, None])[0]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("engine", MAKERS)
def test_steps_follow_the_rule_in_float64(engine, name):
    spec, rule, generator = network("V", D, H, K), CASES[name], np.random.default_rng(6)
    model, theta = started(engine, spec, rule)
    state = {n: tuple(np.zeros_like(value) for _ in rule.state) for n, value in theta.items()}
    data, limited = [sequence(spec, T, generator) for T in LENGTHS], []
    data *= 1 if engine == "gpu" else 2  # emulated threads are slow
    for count, (x, y) in enumerate(data, start=1):
        loss, gradient = gradients_of(spec, theta, x, y)
        assert model.train_step(x, y) == pytest.approx(loss, rel=1e-5)
        for n, g in gradient.items():
            limited.append(np.mean(np.abs(g) > 0.3))
            theta[n], state[n] = equations.update(rule, theta[n], state[n], g, count)
    assert 0.05 < np.mean(limited) < 0.95
    got = model.get_state()
    assert set(got) == {*rule.state} | ({"updates"} if rule.name == "adam" else set())
    assert got.get("updates", len(data)) == len(data)
    for n, value in theta.items():
        assert relative_error(model.get_parameters()[n], value) < 2e-5, n
        for k, array in enumerate(rule.state):
            assert relative_error(got[array][n], state[n][k]) < 5e-5, (array, n)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("engine", MAKERS)
def test_the_epsilon_of_the_field_is_small_enough_to_walk_by_the_sign(engine, optimizer):
    """Where a gradient is not rounding, Adam's first step is η, RMSprop's η / √(1 − ρ)."""
    spec, rule = network("V", D, H, K), UpdateRule(0.01, optimizer=optimizer)
    model, theta = started(engine, spec, rule)
    x, y = sequence(spec, 12, np.random.default_rng(3))
    _, gradient = gradients_of(spec, theta, x, y)
    model.train_step(x, y)
    step = 0.01 if optimizer == "adam" else 0.01 / np.sqrt(0.1)
    for n, value in model.get_parameters().items():
        clear = np.abs(gradient[n]) > 1e-3
        assert clear.mean() > 0.8
        moved = (value - theta[n])[clear]
        np.testing.assert_allclose(moved, -step * np.sign(gradient[n][clear]), rtol=2e-4)


@pytest.mark.parametrize(
    ("engine", "optimizer"),
    [*product(("gluon", "fused"), RULES), ("gpu", "adam"), ("gpu", "rmsprop")],
)
def test_what_the_rule_goes_on_from_moves_to_another_model_bit_by_bit(engine, optimizer):
    spec, generator = network("V", D, H, K, False), np.random.default_rng(6)
    rule = UpdateRule(0.02, 0.8, optimizer=optimizer)
    split = [sequence(spec, T, generator) for T in LENGTHS]
    straight, (first, _) = started(engine, spec, rule)[0], started(engine, spec, rule)
    noise = Noise(0.0, 0, 0) if engine == "gpu" else Noise(0.2, 5, 0, 0.3)
    losses = list(straight.train_run(split, [0, 1, 2, 3], noise))
    begun = list(first.train_run(split, [0, 1], noise))
    second = MAKERS[engine](spec, rule)
    second.set_parameters(first.get_parameters())
    second.set_state(first.get_state())
    assert begun + list(second.train_run(split, [2, 3], noise.later(2))) == losses
    for n, value in straight.get_parameters().items():
        assert (second.get_parameters()[n] == value).all(), n
    ours, theirs = second.get_state(), straight.get_state()
    for array in rule.state:
        assert all((ours[array][n] == value).all() for n, value in theirs[array].items())
    assert ours.get("updates") == theirs.get("updates") == (4 if optimizer == "adam" else None)


@pytest.mark.parametrize("engine", MAKERS)
def test_a_loss_that_is_not_finite_is_no_update_of_adam(engine):
    spec, rule = network("V", D, H, K), UpdateRule(0.02, optimizer="adam")
    model, _ = started(engine, spec, rule)
    x, y = sequence(spec, 9, np.random.default_rng(3))
    bad = np.full_like(x, np.nan)
    list(model.train_run([(x, y), (bad, y)], [0, 1, 0], Noise(0.0, 0, 0)))
    assert model.get_state()["updates"] == 1


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
    assert same(plain, trained(optimizer="nesterov", nesterov=False))
    assert same(trained(nesterov=False), trained(optimizer="momentum"))
    assert same(trained(clip=True), trained(clip=1.0))
    assert not same(plain, trained(clip=True))
    assert not same(trained(clip=0.5), trained(clip=True))
    assert not same(plain, trained(weight_decay=1e-3))


def test_the_oracle_of_a_step_is_right_by_hand():
    theta, velocity, gradient = (np.array([value]) for value in (2.0, 0.5, 7.0))
    rule = UpdateRule(1.0, 0.5, clip=3.0, weight_decay=0.25)
    # g = 3 + 0.25 · 2 = 3.5, the step 0.5: v = 0.25 − 1.75 = −1.5; θ = 2 − 0.75 − 1.75
    assert equations.update(rule, theta, (velocity,), gradient) == (-0.5, (-1.5,))
    classical = UpdateRule(1.0, 0.5, nesterov=False, rescale=False)
    # v = 0.25 − 7
    assert equations.update(classical, theta, (velocity,), gradient) == (-4.75, (-6.75,))
    # w = 0.5 · 1 + 0.5 · 49 = 25; θ = 2 − 7 / (5 + 2)
    rms = UpdateRule(1.0, optimizer="rmsprop", rho=0.5, epsilon=2.0)
    assert equations.update(rms, theta, (np.array([1.0]),), gradient) == (1.0, (25.0,))
    # At the first update m̂ = g and ŵ = g², whatever β₁ and β₂ are: θ = 2 − 7 / (7 + 7)
    adam, zero = UpdateRule(1.0, optimizer="adam", epsilon=7.0), np.array([0.0])
    moved, (m, w) = equations.update(adam, theta, (zero, zero), gradient)
    assert [*moved, *m, *w] == pytest.approx([1.5, 0.7, 0.049])


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_takes_the_steps_of_pytorch(name):
    torch = pytest.importorskip("torch")
    rule, generator = CASES[name], np.random.default_rng(1)
    theta, state = generator.normal(size=20), tuple(np.zeros(20) for _ in rule.state)
    theirs = torch.tensor(theta, requires_grad=True)
    options = {"lr": rule.learning_rate, "weight_decay": rule.weight_decay}
    if rule.name == "adam":
        betas = (rule.beta1, rule.beta2)
        optimizer = torch.optim.Adam([theirs], betas=betas, eps=rule.epsilon, **options)
    elif rule.name == "rmsprop":
        optimizer = torch.optim.RMSprop([theirs], alpha=rule.rho, eps=rule.epsilon, **options)
    else:
        options |= {"lr": rule.step, "momentum": rule.momentum * (rule.name != "sgd")}
        optimizer = torch.optim.SGD([theirs], nesterov=rule.name == "nesterov", **options)
    for count in range(1, 30):
        gradient = generator.normal(size=20)
        theta, state = equations.update(rule, theta, state, gradient, count)
        limit = rule.clip or np.inf
        theirs.grad = torch.tensor(np.clip(gradient, -limit, limit))
        optimizer.step()
        np.testing.assert_allclose(theirs.detach().numpy(), theta, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999, 1 - 2.0**-24])
@pytest.mark.parametrize("update", [1, 2, 1000, 10**8])
def test_the_kernels_step_holds_adams_corrections(beta, update):
    rule = UpdateRule(0.3, optimizer="adam", beta1=beta, beta2=beta, epsilon=1e-3)
    step, epsilon = rule.corrected(update)
    rest = 1 - np.longdouble(beta) ** update
    assert step == pytest.approx(float(0.3 * np.sqrt(rest) / rest), rel=1e-12)
    assert epsilon == pytest.approx(float(1e-3 * np.sqrt(rest)), rel=1e-12)


def test_rules_have_the_numbers_of_the_kernels():
    assert interface(VANILLA).odyssey_rules().decode().split() == list(RULES)
    for number, name in enumerate(RULES):
        assert UpdateRule(0.1, 0.5, optimizer=name).numbers()["rule"] == number


def test_an_unknown_rule_is_refused_with_those_that_there_are():
    with pytest.raises(
        ValueError, match="one of nesterov, momentum, sgd, adam, rmsprop, got 'adagrad'"
    ):
        UpdateRule(0.1, optimizer="adagrad")
