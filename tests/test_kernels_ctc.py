"""CTC: the float64 reference against all paths, and the fused one against the reference."""

import itertools

import numpy as np
import pytest

from odyssey.equations import ctc_loss, network_backward, network_forward
from odyssey.kernels.model import FusedModel
from odyssey.spec import NetworkSpec, UpdateRule
from odyssey.variants import VANILLA

from .test_kernels import as_float64, random_parameters, relative_error


def every_path(a, labels):
    """Sum over all K^T paths that collapse to the labels."""
    T, K = a.shape
    log_p = a - np.logaddexp.reduce(a, -1, keepdims=True)
    total = -np.inf
    for path in itertools.product(range(K), repeat=T):
        kept = [k for t, k in enumerate(path) if k != K - 1 and (t == 0 or path[t - 1] != k)]
        if kept == list(labels):
            total = np.logaddexp(total, log_p[range(T), path].sum())
    return -total


@pytest.mark.parametrize("labels", [[], [0], [0, 1], [0, 0], [1, 1, 0], [0, 1, 0, 1, 0]])
def test_the_reference_sums_all_paths(labels):
    a = np.random.default_rng(1).normal(size=(5, 1, 3))
    loss, gradient = ctc_loss(a, np.array(labels, int)[:, None])
    assert loss == pytest.approx(every_path(a[:, 0], labels), rel=1e-13)
    for at in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[at] = 1e-5
        ends = [ctc_loss(a + sign * step, np.array(labels, int)[:, None])[0] for sign in (1, -1)]
        assert gradient[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


def test_the_reference_sums_over_the_batch():
    a = np.random.default_rng(2).normal(size=(7, 2, 4))
    labels = np.array([[0, 1], [2, 2]])
    single = [ctc_loss(a[:, b : b + 1], labels[:, b : b + 1]) for b in range(2)]
    loss, gradient = ctc_loss(a, labels)
    assert loss == pytest.approx(single[0][0] + single[1][0])
    np.testing.assert_allclose(gradient, np.concatenate([g for _, g in single], 1), atol=1e-15)


def trained_on(T, labels, K, scale, H=4, seed=3):
    """A model after one step of size 1, with the float64 loss and gradient at its start."""
    spec = NetworkSpec(VANILLA, 3, H, K, True, "ctc")
    generator = np.random.default_rng(seed)
    parameters = random_parameters(spec, generator)
    parameters["output.W"] *= scale
    x = generator.normal(size=(T, 3)).astype(np.float32)
    model = FusedModel(spec, UpdateRule(1.0, 0.0, nesterov=False))
    model.set_parameters(parameters)
    theta = as_float64(parameters)
    # at the float32 activations: a saturated softmax magnifies their rounding
    activations = model.evaluate(x, labels)[1][:, None].astype(float)
    assert (
        relative_error(activations, network_forward(spec, theta, x[:, None].astype(float))) < 1e-5
    )
    loss, d_a = ctc_loss(activations, labels[:, None])
    gradient, _ = network_backward(spec, theta, x[:, None].astype(float), d_a)
    return model, x, loss, gradient


@pytest.mark.parametrize(
    ("T", "U", "K", "scale"),
    [
        (1, 0, 3, 1),
        (1, 1, 3, 1),
        (30, 5, 7, 1),
        (500, 30, 82, 1),
        (300, 150, 82, 30),
        (2000, 100, 82, 1),
        (2000, 100, 82, 300),
    ],
)
def test_loss_and_gradient_equal_the_reference(T, U, K, scale):
    labels = np.random.default_rng(T).integers(0, K - 1, U)
    model, x, loss, gradient = trained_on(T, labels, K, scale)
    assert model.evaluate(x, labels)[0] == pytest.approx(loss, rel=2e-7)
    assert model.train_step(x, labels) == pytest.approx(loss, rel=2e-7)
    for name, velocity in model.get_velocity().items():
        assert relative_error(-velocity, gradient[name]) < 2e-5, name


@pytest.mark.parametrize("T", [5, 6, 9, 40])
def test_repeats(T):
    labels = np.array([1, 1, 1])
    model, x, loss, gradient = trained_on(T, labels, 4, 10)
    assert model.train_step(x, labels) == pytest.approx(loss, rel=1e-6)
    for name, velocity in model.get_velocity().items():
        assert relative_error(-velocity, gradient[name]) < 1e-5, name


@pytest.mark.parametrize(("T", "labels"), [(4, [1, 1, 1]), (2, [0, 1, 2]), (3, [0, 0, 1])])
def test_labels_that_do_not_fit_cost_infinitely_much_and_change_nothing(T, labels):
    spec = NetworkSpec(VANILLA, 3, 5, 4, True, "ctc")
    generator = np.random.default_rng(5)
    parameters = random_parameters(spec, generator)
    model = FusedModel(spec, UpdateRule(0.1, 0.9))
    model.set_parameters(parameters)
    x = generator.normal(size=(T, 3)).astype(np.float32)
    assert model.evaluate(x, np.array(labels))[0] == np.inf
    assert model.train_step(x, np.array(labels)) == np.inf
    for name, value in model.get_parameters().items():
        assert (value == parameters[name]).all()


def test_the_blank_is_no_label():
    model = FusedModel(NetworkSpec(VANILLA, 3, 5, 4, True, "ctc"), UpdateRule(0.1, 0.9))
    with pytest.raises(ValueError, match=r"0\.\.2, got 3.* at position 1"):
        model.train_step(np.zeros((9, 3), np.float32), np.array([0, 3]))


def test_golden_values_of_uniform_activations():
    # K = 3, T = 4, labels 0 1: C(5, 4) + … = 20 of 81 paths, counted by hand over all 81
    paths = round(81 * np.exp(-every_path(np.zeros((4, 3)), [0, 1])))
    model = FusedModel(NetworkSpec(VANILLA, 2, 3, 3, True, "ctc"), UpdateRule(0.1, 0.9))
    loss, _ = model.evaluate(np.zeros((4, 2), np.float32), np.array([0, 1]))
    assert loss == pytest.approx(np.log(81 / paths), rel=1e-7)


def test_torch_agrees():
    torch = pytest.importorskip("torch", reason="torch is optional: pip install odyssey[bench]")
    generator = np.random.default_rng(8)
    a = generator.normal(size=(60, 1, 9))
    labels = generator.integers(0, 8, (12, 1))
    tensor = torch.tensor(a, requires_grad=True)
    loss = torch.nn.functional.ctc_loss(
        *(tensor.log_softmax(-1), torch.tensor(labels.T), [60], [12]), blank=8, reduction="sum"
    )
    loss.backward()
    reference, gradient = ctc_loss(a, labels)
    assert reference == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), atol=1e-12)
