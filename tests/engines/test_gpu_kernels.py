"""The CUDA kernels, as C++ with emulated threads, against the float64 equations and the CPU's."""

import ctypes

import numpy as np
import pytest

from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gpu.driver import DriverLauncher
from odyssey.engines.gpu.fleet import Fleet
from odyssey.engines.gpu.model import GpuModel
from odyssey.engines.gpu.rows import ROW, TILE
from odyssey.engines.gpu.source import LEAST_SHARED, THREADS
from odyssey.engines.noise import Noise
from odyssey.networks.spec import MOST_HIDDEN_GPU, UpdateRule
from tests.support.emulated_gpu import SHARED, EmulatedDriver, emulated_fleet
from tests.support.model_checks import (
    CODES,
    GRADIENT,
    check_ctc,
    check_step,
    network,
    relative_error,
    sequence,
    started,
)


def new_model(spec, rule=GRADIENT, std=0.3, **device):
    return started(GpuModel(spec, rule, emulated_fleet(spec.variant, **device)), std=std)


def check_against_equations(spec, T, std=0.3):
    check_step(new_model(spec, std=std), T, tolerance=2e-5)


@pytest.mark.parametrize("H", [5, 67])
@pytest.mark.parametrize("code", CODES)
def test_a_step_equals_the_equations(code, H):
    check_against_equations(network(code, H=H), 13)


@pytest.mark.parametrize("H", [32, 33, 64, 128, 129, 200, 257])
@pytest.mark.parametrize("code", ["V", "FGR"])
def test_every_way_to_hold_the_weights_equals_the_equations(code, H):
    check_against_equations(network(code, 3, H, 2, bidirectional=False), 4, std=0.5 / H**0.5)


@pytest.mark.parametrize(("T", "D", "H", "K"), [(1, 1, 1, 1), (130, 3, 9, 20), (70, 65, 4, 88)])
@pytest.mark.parametrize("code", ["V", "CIFG+NP"])
def test_sigmoid_outputs_and_many_tiles_equal_the_equations(code, T, D, H, K):
    check_against_equations(network(code, D, H, K, False, "bernoulli"), T, std=0.1)


@pytest.mark.parametrize("H", [67, 128, 200, 257])
@pytest.mark.parametrize("code", ["V", "FGR"])
def test_where_the_weights_lie_changes_not_a_bit(code, H):
    spec = network(code, 3, H, 2, bidirectional=False)
    x, y = sequence(spec, 4, np.random.default_rng(3))
    models = [new_model(spec, shared=size) for size in (LEAST_SHARED, *SHARED.values())]
    losses = {model.train_step(x, y) for model in models}
    assert len(losses) == 1
    first, *others = (model.get_parameters() for model in models)
    for other in others:
        assert all((other[name] == value).all() for name, value in first.items())


@pytest.mark.parametrize("code", ["V", "FGR+NOG+NIAF"])
def test_the_order_of_the_threads_changes_nothing(code):
    spec = network(code, H=67, loss="ctc")
    x = np.random.default_rng(3).normal(size=(17, 7)).astype(np.float32)
    models = [new_model(spec, falling=falling) for falling in (False, True)]
    losses = [model.train_step(x, np.array([1, 1, 4]), Noise(0.5, 1, 2)) for model in models]
    assert losses[0] == losses[1]
    rising, falling = (model.get_parameters() for model in models)
    assert all((rising[name] == falling[name]).all() for name in rising)


@pytest.mark.parametrize(("nesterov", "clip"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize("loss", ["softmax", "bernoulli", "ctc", "squared"])
def test_noisy_updates_equal_those_of_the_fused_step(loss, nesterov, clip):
    spec, rule = network("V", 4, 10, 7, loss=loss), UpdateRule(0.005, 0.8, nesterov, clip)
    generator = np.random.default_rng(6)
    data = [sequence(spec, T, generator) for T in (12, 5, 17, 9)]
    ours, theirs = new_model(spec, rule, std=0.1), FusedModel(spec, rule)
    theirs.set_parameters(ours.get_parameters())
    for k in range(8):
        noise = Noise(0.7, 2**60 + 5, 2**33 + k)
        losses = [model.train_step(*data[k % 4], noise) for model in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for get in (lambda m: m.get_parameters(), lambda m: m.get_state()["velocity"]):
        mine, reference = get(ours), get(theirs)
        for name, value in reference.items():
            assert relative_error(mine[name], value) < 1e-5, name


def test_the_noise_is_that_of_the_cpu():
    spec = network("NP", 129, 3, 2, bidirectional=False)
    x, y = sequence(spec, 7, np.random.default_rng(2))
    noise = Noise(0.7, 2**50 + 17, 2**33 + 5)
    moved = []
    for inputs, drawn in ((x, noise), (noise.added_to(x), None)):
        model = new_model(spec)
        model.train_step(inputs, y, drawn)
        moved.append(model.get_state()["velocity"]["forward.W"])
    assert np.abs(moved[0] - moved[1]).max() <= 3e-6 * np.abs(moved[1]).max()


@pytest.mark.parametrize(
    ("T", "U", "K", "scale"),
    [
        (1, 0, 3, 1),
        (1, 1, 3, 1),
        (30, 5, 7, 1),
        (90, 30, 82, 1),
        (100, 50, 40, 30),
        (200, 9, 5, 300),
    ],
)
def test_ctc_equals_the_reference(T, U, K, scale):
    labels = np.random.default_rng(T).integers(0, K - 1, U)
    model = new_model(network("V", 3, 4, K, loss="ctc"))
    check_ctc(model, T, labels, scale, tolerance=5e-5)


@pytest.mark.parametrize("T", [5, 6, 9])
def test_ctc_with_repeats(T):
    model = new_model(network("V", 3, 4, 4, loss="ctc"))
    check_ctc(model, T, np.array([1, 1, 1]), 10, tolerance=5e-5)


@pytest.mark.parametrize("loss", ["softmax", "bernoulli", "ctc", "squared"])
def test_a_step_is_a_handful_of_launches_and_a_run_waits_once(loss):
    driver = EmulatedDriver()
    spec = network("V", 3, 6, 4, loss=loss)
    model = GpuModel(spec, UpdateRule(0.01, 0.9), Fleet(DriverLauncher(driver, "")))
    split = [sequence(spec, 9, np.random.default_rng(0))]
    model.train_run(split, [0, 0, 0], Noise(0.3, 1, 0))
    assert driver.log.count("synchronize") == 1
    assert len(driver.log) == 3 * 8 + 1


def test_a_row_is_laid_out_as_the_kernels_read_it():
    assert EmulatedDriver().library.emulated_row_size() == ROW.itemsize


def test_tiles_threads_and_widths_are_those_of_the_kernels():
    found = (ctypes.c_int * 3)()
    EmulatedDriver().library.emulated_constants(found)
    assert list(found) == [TILE, THREADS, MOST_HIDDEN_GPU]


def test_layers_that_are_too_wide_are_refused():
    with pytest.raises(ValueError, match=r"1024 blocks a layer, got .*1025.*cpu$"):
        new_model(network("V", H=1025))
