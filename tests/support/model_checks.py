"""What tests of the fused step share, on whatever device: networks, data, oracles, checks."""

import numpy as np
import pytest

from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS

COMBINED = ["CIFG+NP", "NIG+NOAF", "FGR+CIFG", "NIG+NFG+NOG", "FGR+NOG+NIAF"]
CODES = [*VARIANTS, *COMBINED]
OTHERS = ["GRU", "RNN"]  # which the kernels of the CPU know besides
GRADIENT = UpdateRule(1.0, 0.0, nesterov=False)  # after one step the velocity is −gradient


def network(code, D=7, H=20, K=11, bidirectional=True, loss="softmax"):
    return NetworkSpec(get_cell(code), D, H, K, bidirectional, loss)


def random_parameters(spec, generator, std=0.3):
    return {
        name: generator.normal(0, std, shape).astype(np.float32)
        for name, shape in spec.parameter_shapes().items()
    }


def started(model, seed=0, std=0.3):
    """Return the model, with random parameters."""
    model.set_parameters(random_parameters(model.spec, np.random.default_rng(seed), std))
    return model


def sequence(spec, T, generator):
    """Return random inputs and targets of the loss."""
    x = generator.normal(size=(T, spec.inputs)).astype(np.float32)
    return x, get_loss(spec.loss).draw_targets(generator, T, spec.outputs)


def as_float64(parameters):
    return {name: value.astype(float) for name, value in parameters.items()}


def relative_error(value, reference):
    return np.abs(value - reference).max() / max(np.abs(reference).max(), 1e-3)


def reference(spec, parameters, x, y):
    """Return loss, outputs and gradients by the equations."""
    theta, x = as_float64(parameters), x[:, None].astype(float)
    a = equations.network_forward(spec, theta, x)
    loss, d_a = get_loss(spec.loss).value_and_gradient(a[:, 0], y)
    return loss, a[:, 0], equations.network_backward(spec, theta, x, d_a[:, None])[0]


def numeric_gradient(function, array, step=1e-5):
    """Return the central differences of a function of an array, which it looks at by itself."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def check_gradient(model, gradient, tolerance):
    """Hold a model after its first step by GRADIENT against what it should have moved by."""
    for name, velocity in model.get_state()["velocity"].items():
        assert relative_error(-velocity, gradient[name]) < tolerance, name


def check_step(model, T, tolerance, rel=1e-6, change=None):
    """Hold evaluation, loss and gradients of a fresh model of GRADIENT against the equations.

    ``change`` makes other targets of the drawn ones.
    """
    x, y = sequence(model.spec, T, np.random.default_rng(1))
    y = change(y) if change else y
    loss, outputs, gradient = reference(model.spec, model.get_parameters(), x, y)
    got, got_outputs = model.evaluate(x, y)
    assert got == pytest.approx(loss, rel=rel)
    assert relative_error(got_outputs, outputs) < tolerance
    assert model.train_step(x, y) == got
    check_gradient(model, gradient, tolerance)


def check_ctc(model, T, labels, scale, tolerance, rel=1e-6):
    """The same for CTC, its output weights ``scale`` times as large.

    The reference starts at the model's activations: a saturated softmax magnifies their rounding.
    """
    parameters = model.get_parameters()
    parameters["output.W"] *= scale
    model.set_parameters(parameters)
    x = np.random.default_rng(3).normal(size=(T, model.spec.inputs)).astype(np.float32)
    theta, wide = as_float64(parameters), x[:, None].astype(float)
    got, outputs = model.evaluate(x, labels)
    activations = outputs[:, None].astype(float)
    assert relative_error(activations, equations.network_forward(model.spec, theta, wide)) < 1e-5
    loss, d_a = get_loss("ctc").value_and_gradient(activations[:, 0], labels)
    assert got == pytest.approx(loss, rel=rel)
    assert model.train_step(x, labels) == got
    gradient, _ = equations.network_backward(model.spec, theta, wide, d_a[:, None])
    check_gradient(model, gradient, tolerance)


def check_differences(model, spec, T, rel):
    """Compare loss and step of a model of rule GRADIENT with float64 and central differences."""
    x, y = sequence(spec, T, np.random.default_rng(1))
    theta, wide = as_float64(model.get_parameters()), x[:, None].astype(float)

    def value():
        a = equations.network_forward(spec, theta, wide)[:, 0]
        return get_loss(spec.loss).value_and_gradient(a, y)[0]

    loss = value()
    assert model.evaluate(x, y)[0] == pytest.approx(loss, rel=rel)
    assert model.train_step(x, y) == pytest.approx(loss, rel=rel)
    gradient = {name: numeric_gradient(value, array) for name, array in theta.items()}
    check_gradient(model, gradient, 2e-5)
