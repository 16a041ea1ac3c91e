"""Two threads, one for each direction: the bits of one."""

import subprocess
import sys

import numpy as np
import pytest

from odyssey.engines import cores
from odyssey.engines.fused import model as module
from odyssey.engines.fused.model import FusedModel, memory_of
from odyssey.engines.noise import Noise
from odyssey.networks.spec import UpdateRule
from tests.conftest import ROOT
from tests.support.model_checks import CODES, network, sequence, started

pytestmark = pytest.mark.usefixtures("libraries")

LENGTHS = (9, 1, 30, 2, 17)


class Granted:
    def __init__(self, value):
        self.value = value


@pytest.fixture
def granted(monkeypatch):
    """The number of cores, which a test may change; networks of any size use them."""
    monkeypatch.setattr(module, "_LARGE", 0)
    granted = Granted(1)
    monkeypatch.setattr(cores, "_grant", granted)
    return granted


def trained(spec, fused_loss=True):
    """Return losses, parameters, velocity and outputs of some steps and an evaluation."""
    rule = UpdateRule(0.01, 0.9, clip=1.0, weight_decay=1e-3)
    model = started(FusedModel(spec, rule, fused_loss))
    generator = np.random.default_rng(3)
    split = [sequence(spec, T, generator) for T in LENGTHS]
    losses = list(model.train_run(split, range(len(split)), Noise(0.3, 5, 7)))
    judged = [
        (loss, a.copy()) for loss, a in model.evaluate_run(split, range(len(split)), nats=True)
    ]
    losses += [loss for loss, _ in judged]
    arrays = [*model.get_parameters().values(), *model.get_state()["velocity"].values()]
    return losses, arrays + [a for _, a in judged]


def check(granted, spec, fused_loss=True):
    found = []
    for granted.value in (1, 2):
        found.append(trained(spec, fused_loss))
    (losses, arrays), (others, again) = found
    assert np.isfinite(losses).all()
    assert losses == others
    assert all((a == b).all() for a, b in zip(arrays, again, strict=True))


@pytest.mark.parametrize("H", [5, 21, 64])
@pytest.mark.parametrize("code", CODES)
def test_steps_and_evaluations_have_the_bits_of_one_thread(granted, code, H):
    check(granted, network(code, 3, H, 11))


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("fused_loss", [True, False])
@pytest.mark.parametrize("loss", ["softmax", "ctc", "bernoulli", "squared"])
def test_they_do_with_every_loss(granted, loss, fused_loss, bidirectional):
    check(granted, network("V", 4, 21, 19, bidirectional, loss), fused_loss)


def test_a_core_may_come_and_go_between_two_runs(granted):
    spec = network("V", 3, 21, 11)
    split = [sequence(spec, T, np.random.default_rng(T)) for T in LENGTHS]
    one, changing = (started(FusedModel(spec, UpdateRule(0.01, 0.9))) for _ in range(2))
    for k, count in enumerate((1, 2, 2, 1, 2)):
        granted.value = 1
        expected = one.train_run(split, [k], Noise(0.3, 5, k))
        granted.value = count
        assert changing.train_run(split, [k], Noise(0.3, 5, k)) == expected
    for name, value in one.get_parameters().items():
        assert (changing.get_parameters()[name] == value).all(), name


def test_an_error_in_the_second_thread_is_that_of_the_call(granted):
    granted.value = 2
    spec = network("V", 3, 21, 11)
    model = started(FusedModel(spec, UpdateRule(0.01, 0.9)))
    split = [sequence(spec, T, np.random.default_rng(T)) for T in LENGTHS]
    targets = memory_of(model._sequences(split).targets)
    kept, targets[-1] = targets[-1], 11
    with pytest.raises(ValueError, match=r"^labels must lie in 0\.\.10, got 11[^\n]*position 16$"):
        model.evaluate_run(split, range(len(split)), nats=True)
    targets[-1] = kept
    assert len(list(model.evaluate_run(split, range(len(split))))) == len(LENGTHS)


FORKED = """
import os
from tests.engines import test_two_threads as t
t.module._LARGE = 0
t.cores.follow(t.Granted(2))
spec = t.network("V", 3, 21, 11)
before = t.trained(spec)[0]
if os.fork() == 0:
    os._exit(t.trained(spec)[0] != before)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""


def test_a_forked_process_has_a_thread_of_its_own():
    subprocess.run([sys.executable, "-c", FORKED], check=True, cwd=ROOT, timeout=300)
