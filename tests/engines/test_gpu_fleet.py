"""Trials side by side on an emulated device: company changes nothing, errors reach everyone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from odyssey.engines.gpu import fleet as fleet_module
from odyssey.engines.gpu.driver import DriverLauncher
from odyssey.engines.gpu.fleet import Fleet
from odyssey.engines.gpu.model import GpuModel
from odyssey.engines.noise import Noise
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import get_variant
from tests.support.emulated_gpu import EmulatedDriver, emulated_fleet, emulated_launcher
from tests.support.model_checks import sequence, started

VARIANT = get_variant("FGR+CIFG")
HIDDEN = (3, 40, 7)


def trials(fleet):
    specs = [NetworkSpec(VARIANT, 4, H, 5, True, "softmax") for H in HIDDEN]
    models = [
        GpuModel(spec, UpdateRule(0.01 * (k + 1), 0.9), fleet) for k, spec in enumerate(specs)
    ]
    return [started(model, seed=k) for k, model in enumerate(models)]


def trained(model, k, split):
    """One trial's losses and parameters after two runs and an evaluation between them."""
    losses = [*model.train_run(split, [k, 2, 0], Noise(0.5, k, 0))]
    losses += [loss for loss, _ in model.evaluate_run(split, range(len(split)))]
    losses += [*model.train_run(split, [1, k], Noise(0.5, k, 3))]
    return losses, model.get_parameters()


def test_company_changes_not_a_bit(monkeypatch):
    monkeypatch.setattr(fleet_module, "GRACE", 60.0)  # none goes alone, however busy this machine
    split = [sequence_of(T) for T in (9, 2, 14, 5)]
    alone = [trained(trials(emulated_fleet(VARIANT))[k], k, split) for k in range(3)]
    driver = EmulatedDriver(VARIANT)
    models = trials(Fleet(DriverLauncher(driver, "")))
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(trained, models, range(3), [split] * 3))
    for (losses, parameters), (own, same) in zip(together, alone, strict=True):
        assert losses == own
        assert all((parameters[name] == value).all() for name, value in same.items())
    assert driver.log.count("synchronize") == 3  # each trial's three requests, together


def sequence_of(T):
    spec = NetworkSpec(VARIANT, 4, 1, 5, True, "softmax")
    return sequence(spec, T, np.random.default_rng(T))


def test_those_that_are_ready_do_not_wait_for_those_that_have_left():
    fleet, split = emulated_fleet(VARIANT), [sequence_of(4)]
    spec = NetworkSpec(VARIANT, 4, 3, 5, True, "softmax")
    idle = GpuModel(spec, UpdateRule(0.1, 0.5), fleet)
    model = GpuModel(spec, UpdateRule(0.1, 0.5), fleet)
    assert np.isfinite(model.train_step(*split[0]))  # after some grace, without the other
    del idle
    assert fleet.members == 1


def test_a_failing_device_is_told_to_all_and_leaves_the_fleet_usable():
    launcher = emulated_launcher(VARIANT)
    fleet, split = Fleet(launcher), [sequence_of(4)]
    spec = NetworkSpec(VARIANT, 4, 3, 5, True, "softmax")
    models = [GpuModel(spec, UpdateRule(0.1, 0.5), fleet) for _ in range(2)]
    launcher.synchronize = lambda: (_ for _ in ()).throw(OSError("out of memory"))
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(model.train_step, *split[0]) for model in models]
    for job in jobs:
        with pytest.raises(RuntimeError, match=r"^the GPU failed: out of memory$"):
            job.result()
    launcher.synchronize = lambda: None
    assert np.isfinite(models[0].evaluate(*split[0])[0])
