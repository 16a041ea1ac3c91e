"""What every engine's step must do: Gluon's, the fused one, that of an emulated GPU."""

import numpy as np
import pytest

from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gluon.model import GluonModel
from odyssey.engines.gpu.model import GpuModel
from odyssey.engines.noise import Noise
from odyssey.networks.spec import UpdateRule
from tests.losses.squared_error import SQUARED
from tests.support.emulated_gpu import emulated_fleet
from tests.support.model_checks import network, sequence, started

MAKERS = {
    "gluon": GluonModel,
    "fused": FusedModel,
    "gpu": lambda spec, rule: GpuModel(spec, rule, emulated_fleet(spec.variant)),
}
LOSSES = ["softmax", "bernoulli", "ctc", "squared", SQUARED.name]


@pytest.fixture(params=MAKERS)
def new_model(request):
    """A maker of models with random parameters."""
    return lambda spec: started(MAKERS[request.param](spec, UpdateRule(0.01, 0.9)))


def same(values, others):
    return all((value == others[name]).all() for name, value in values.items())


def judged(model, split, indices):
    """Return losses and activations, the losses also where no figure of merit needs them."""
    asked = {"nats": True} if isinstance(model, FusedModel) else {}
    return list(model.evaluate_run(split, indices, **asked))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_is_its_steps_and_ends_with_the_first_that_diverges(new_model, loss):
    spec, generator = network("V", 3, 9, 5, loss=loss), np.random.default_rng(8)
    split = [sequence(spec, T, generator) for T in (4, 9, 6, 3)]
    split[2][0][1, 1] = np.nan
    noise = Noise(0.3, 2**64 - 1, 2**40)
    run, steps = new_model(spec), new_model(spec)
    losses = list(run.train_run(split, [1, 0, 2, 3], noise))
    assert np.isfinite(losses).tolist() == [True, True, False, False]
    assert [steps.train_step(*split[n], noise.later(k)) for k, n in enumerate((1, 0))] == losses[:2]
    assert same(run.get_parameters(), steps.get_parameters())
    together = [(value, outputs.copy()) for value, outputs in judged(run, split, [3, 1])]
    for n, (value, outputs) in zip((3, 1), together, strict=True):
        again, alone = run.evaluate(*split[n])
        assert value == again
        assert (outputs == alone).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_nan_passes_through_and_changes_nothing(new_model, loss, bad):
    spec = network("NIAF", 3, 9, 4, loss=loss)
    model = new_model(spec)
    before = model.get_parameters()
    x, y = sequence(spec, 12, np.random.default_rng(1))
    x[5, 1] = bad
    assert not np.isfinite(model.train_step(x, y))
    assert not np.isfinite(model.evaluate(x, y)[0])
    assert same(model.get_parameters(), before)
    assert all((value == 0).all() for value in model.get_state()["velocity"].values())
    model.train_step(np.nan_to_num(x, posinf=0, neginf=0), y)
    after = model.get_parameters()
    assert all(np.isfinite(value).all() for value in after.values())
    assert not same(after, before)


@pytest.mark.parametrize(("T", "labels"), [(4, [1, 1, 1]), (2, [0, 1, 2]), (3, [0, 0, 1])])
def test_labels_that_do_not_fit_cost_infinitely_much_and_change_nothing(new_model, T, labels):
    model = new_model(network("V", 3, 5, 4, loss="ctc"))
    before, x = model.get_parameters(), np.ones((T, 3), np.float32)
    assert model.evaluate(x, np.array(labels))[0] == np.inf
    assert model.train_step(x, np.array(labels)) == np.inf
    assert same(model.get_parameters(), before)


def test_labels_that_do_not_fit_leave_the_rest_of_a_set_to_be_judged(new_model):
    model = new_model(network("V", 3, 5, 4, loss="ctc"))
    x = np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)
    split = [(x, np.array(labels)) for labels in ([0, 1], [1, 1, 1], [0, 1])]
    (first, outputs), (loss, others), (last, again) = judged(model, split, [0, 1, 2])
    assert loss == np.inf
    assert first == last < np.inf
    assert (outputs == others).all()
    assert (outputs == again).all()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ((7, 2), (7,), r"\(T, 3\).*\(7, 2\)"),
        ((0, 3), (0,), r"T > 0.*\(0, 3\)"),
        ((7, 3), (6,), r"7 frames.*\(7,\).*\(6,\)"),
        ((7, 3), (7, 4), r"7 frames.*\(7,\).*\(7, 4\)"),
    ],
)
def test_wrong_shapes_are_named(new_model, x, y, message):
    with pytest.raises(ValueError, match=f"^[^\n]*{message}[^\n]*$"):
        new_model(network("V", 3, 5, 4)).train_step(np.zeros(x, np.float32), np.zeros(y, int))


@pytest.mark.parametrize(
    ("loss", "label", "most"),
    [("softmax", 4, 3), ("softmax", -2, 3), ("ctc", 3, 2), ("ctc", -1, 2)],
)
def test_wrong_labels_are_named(new_model, loss, label, most):
    model, y = new_model(network("V", 3, 5, 4, loss=loss)), np.zeros(7, int)
    y[3] = label
    with pytest.raises(
        ValueError, match=rf"^[^\n]*0\.\.{most}\b[^\n]*, got {label}[^\n]*position 3$"
    ):
        model.train_step(np.zeros((7, 3), np.float32), y)


def test_wrong_parameters_are_named(new_model):
    model = new_model(network("V", 3, 5, 4))
    parameters = model.get_parameters()
    parameters["forward.R"] = parameters["forward.R"].T
    with pytest.raises(ValueError, match=r"\(20, 5\), got \(5, 20\)"):
        model.set_parameters(parameters)
