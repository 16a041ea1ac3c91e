"""Each loss in NumPy against its definition, and what the room promises to those who ask it."""

import subprocess
import sys

import numpy as np
import pytest

from odyssey.losses import LOSSES, get_loss, register
from tests.losses.squared_error import SquaredError

NAMES = ["softmax", "bernoulli", "ctc", "squared", "half_squares"]
T, K = 9, 5


@pytest.mark.parametrize("name", NAMES)
def test_gradients_equal_central_differences(name):
    loss, generator = get_loss(name), np.random.default_rng(3)
    a, y = generator.normal(size=(T, K)), loss.draw_targets(generator, T, K)
    before = a.copy()
    value, gradient = loss.value_and_gradient(a, y)
    assert np.isfinite(value)
    assert gradient.shape == (T, K)
    assert (a == before).all()
    for at in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[at] = 1e-5
        ends = [loss.value_and_gradient(a + sign * step, y)[0] for sign in (1, -1)]
        assert gradient[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_targets_are_legal_and_kept_as_the_data_keep_them(name):
    loss = get_loss(name)
    y = loss.draw_targets(np.random.default_rng(1), T, K)
    loss.check_targets(y, T, K)
    loss.check_targets(y.astype(loss.targets.dtype), T, K)
    assert (y.astype(loss.targets.dtype) == y).all()
    assert not loss.refusal(y, T)


@pytest.mark.parametrize("name", NAMES)
def test_trivial_models_have_a_figure(name):
    loss, generator = get_loss(name), np.random.default_rng(1)
    y = loss.draw_targets(generator, T, K)
    models = loss.trivial_models(y, K)
    assert models
    for outputs in models.values():
        a = np.broadcast_to(outputs, (T, K))
        errors = loss.errors(a, y, loss.value_and_gradient(a, y)[0])
        assert 0 <= loss.figure(errors, loss.counted(y)) <= loss.worst(K)


@pytest.mark.parametrize(
    ("name", "y", "message"),
    [
        ("softmax", np.zeros(T - 1, int), r"9 frames .* \(9,\), got \(8,\)"),
        ("softmax", np.zeros((T, K), int), r"\(9,\), got \(9, 5\)"),
        ("softmax", np.full(T, K), r"0\.\.4, or be -1 .* none, got 5 at position 0"),
        ("softmax", np.full(T, -2), r"0\.\.4, or be -1 .* none, got -2 at position 0"),
        ("ctc", np.array([0, -1]), r"0\.\.3, got -1 at position 1"),
        ("squared", np.full((T, K), np.nan), "finite numbers .*, got nan at frame 0, output 0"),
        ("squared", np.zeros((T, 2)), r"\(9, 5\), got \(9, 2\)"),
        ("softmax", np.zeros(T), "must be integers, got float64"),
        ("ctc", np.array([0, K - 1]), r"0\.\.3, got 4 at position 1"),
        ("ctc", np.zeros((2, 2), int), r"\(2,\), got \(2, 2\)"),
        ("bernoulli", np.zeros(T, int), r"\(9, 5\), got \(9,\)"),
        ("bernoulli", np.full((T, K), 2), "0 or 1, got 2 at frame 0, output 0"),
    ],
)
def test_wrong_targets_are_named_in_one_line(name, y, message):
    with pytest.raises(ValueError, match=f"^[^\n]*{message}[^\n]*$"):
        get_loss(name).check_targets(y, T, K)


def with_gaps(y):
    """Labels of which every third is -1."""
    return np.where(np.arange(len(y)) % 3 == 1, -1, y)


def test_a_frame_without_a_label_counts_nowhere():
    loss, generator = get_loss("softmax"), np.random.default_rng(4)
    a, y = generator.normal(size=(T, K)), with_gaps(generator.integers(0, K, T))
    kept = y >= 0
    value, gradient = loss.value_and_gradient(a, y)
    alone, gradient_alone = loss.value_and_gradient(a[kept], y[kept])
    assert value == alone
    assert (gradient[kept] == gradient_alone).all()
    assert (gradient[~kept] == 0).all()
    assert loss.counted(y) == kept.sum() == 6
    assert loss.errors(a, y, np.nan) == loss.errors(a[kept], y[kept], np.nan)
    models = [loss.trivial_models(each, K)["majority class"] for each in (y, y[kept])]
    assert (models[0] == models[1]).all()
    loss.check_targets(y, T, K)


def test_the_root_of_the_mean_squared_error_is_that_of_all_numbers():
    loss, generator = get_loss("squared"), np.random.default_rng(4)
    pairs = [(generator.normal(size=(n, K)), generator.normal(size=(n, K))) for n in (3, 8)]
    errors = sum(loss.errors(a, y, np.nan) for a, y in pairs)
    counted = sum(loss.counted(y) for _, y in pairs)
    a, y = (np.concatenate(each) for each in zip(*pairs, strict=True))
    assert loss.figure(errors, counted) == pytest.approx(np.sqrt(((a - y) ** 2).mean()))


@pytest.mark.parametrize(("frames", "fits"), [(5, True), (4, False)])
def test_ctc_says_what_cannot_be_aligned(frames, fits):
    reason = get_loss("ctc").refusal(np.array([1, 1, 2, 3]), frames)
    assert reason == ("" if fits else "CTC needs 5 points for its text, it has 4")


def test_an_unknown_loss_is_refused_with_the_legal_names():
    with pytest.raises(ValueError, match=r"^unknown loss 'hinge': use softmax, ctc, bernoulli"):
        get_loss("hinge")


def test_a_name_is_given_once():
    assert register(LOSSES["half_squares"]) is LOSSES["half_squares"]
    with pytest.raises(
        ValueError,
        match=r"^there is a loss 'half_squares' already, from odyssey itself: choose another",
    ):
        register(SquaredError())


def test_a_name_can_stand_in_a_config_and_a_file_name():
    class Odd(SquaredError):
        name = "squared error/2"

    with pytest.raises(ValueError, match=r"letters, digits, _ and -, got 'squared error/2'$"):
        register(Odd())


def test_importing_the_losses_is_light():
    code = "import odyssey.losses, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not {"numpy", "rapidfuzz", "scipy", "mxnet"} & set(loaded.decode().split())
