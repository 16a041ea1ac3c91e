"""CTC: the float64 reference against all paths, and the fused one against the reference."""

import itertools

import numpy as np
import pytest

from odyssey.engines.fused.model import FusedModel
from odyssey.losses import get_loss
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VANILLA
from tests.support.model_checks import GRADIENT, check_ctc, network, started

ctc = get_loss("ctc").value_and_gradient


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
    a = np.random.default_rng(1).normal(size=(5, 3))
    loss, gradient = ctc(a, np.array(labels, int))
    assert loss == pytest.approx(every_path(a, labels), rel=1e-13)
    for at in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[at] = 1e-5
        ends = [ctc(a + sign * step, np.array(labels, int))[0] for sign in (1, -1)]
        assert gradient[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


def new_model(K):
    return started(FusedModel(network("V", 3, 4, K, loss="ctc"), GRADIENT))


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
    check_ctc(new_model(K), T, labels, scale, tolerance=2e-5, rel=2e-7)


@pytest.mark.parametrize("T", [5, 6, 9, 40])
def test_repeats(T):
    check_ctc(new_model(4), T, np.array([1, 1, 1]), 10, tolerance=1e-5)


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
    reference, gradient = ctc(a[:, 0], labels[:, 0])
    assert reference == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, tensor.grad.numpy()[:, 0], atol=1e-12)
