"""On a real GPU: the kernels against the float64 equations and against the emulated ones."""

import numpy as np
import pytest

from odyssey.engines.choose import new_model
from odyssey.engines.gpu.device import fleet_of, new_fleet, require
from odyssey.engines.gpu.driver import Driver, GpuError
from odyssey.engines.gpu.model import GpuModel
from odyssey.engines.noise import Noise
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS, get_variant
from tests.support.emulated_gpu import emulated_fleet
from tests.support.model_checks import (
    CODES,
    GRADIENT,
    check_step,
    random_parameters,
    relative_error,
    sequence,
    started,
)


def why_not(kernels):
    try:
        require(kernels)
    except GpuError as error:
        return str(error)
    return ""


pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(bool(why_not("fused")), reason=why_not("fused") or "there is a GPU"),
]


@pytest.mark.parametrize("H", [20, 64, 100, 200, 300])
@pytest.mark.parametrize("code", CODES)
def test_a_step_equals_the_equations(code, H):
    spec = NetworkSpec(get_variant(code), 39, H, 61, True, "softmax")
    model = started(GpuModel(spec, GRADIENT, fleet_of(spec)), seed=H, std=0.1)
    check_step(model, 60, tolerance=1e-4, rel=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "unlabelled", "bernoulli", "ctc", "squared"])
def test_updates_equal_those_of_the_emulation(loss):
    unlabelled, loss = loss == "unlabelled", loss.replace("unlabelled", "softmax")
    spec = NetworkSpec(VARIANTS["V"], 4, 40, 7, True, loss)
    fleets = new_fleet(spec.variant, Driver()), emulated_fleet(spec.variant)
    generator, results = np.random.default_rng(6), []
    data = [sequence(spec, T, generator) for T in (12, 5, 17, 9)]
    for _, y in data if unlabelled else ():
        y[:-1] = -1  # only the last frame counts
    for fleet in fleets:
        model = started(GpuModel(spec, UpdateRule(0.005, 0.8, clip=True), fleet), std=0.1)
        losses = [*model.train_run(data, [0, 1, 2, 3] * 2, Noise(0.7, 5, 0))]
        results.append((losses, model.get_parameters()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for name, value in results[1][1].items():
        assert relative_error(results[0][1][name], value) < 1e-5, name


def test_company_and_repetition_change_not_a_bit():
    spec = NetworkSpec(VARIANTS["V"], 39, 64, 61, True, "softmax")
    split = [sequence(spec, T, np.random.default_rng(T)) for T in (300, 20)]

    def trained(model):
        started(model, std=0.1)
        return [*model.train_run(split, [0, 1, 1, 0], Noise(0.5, 1, 0))], model.get_parameters()

    first, second = (GpuModel(spec, UpdateRule(0.01, 0.9), fleet_of(spec)) for _ in range(2))
    (losses, one), (again, two) = trained(first), trained(second)
    assert losses == again
    assert all((one[name] == two[name]).all() for name in one)


@pytest.mark.skipif(bool(why_not("gluon")), reason=why_not("gluon") or "MXNet runs there")
def test_gluon_on_the_gpu_equals_our_kernels():
    spec, rule = NetworkSpec(VARIANTS["V"], 4, 10, 7, True, "softmax"), UpdateRule(0.01, 0.5)
    x, y = sequence(spec, 12, np.random.default_rng(0))
    results = []
    for kernels in ("fused", "gluon"):
        model = new_model(spec, rule, kernels, "gpu")
        model.set_parameters(random_parameters(spec, np.random.default_rng(1), 0.1))
        results.append(([model.train_step(x, y) for _ in range(3)], model.get_parameters()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
