"""The fused operators against the float64 equations, each other and Gluon."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.engines.fused.instructions import supported_sets
from odyssey.engines.fused.layer import fused_layer
from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gluon.model import GluonModel
from odyssey.engines.mx import mx
from odyssey.engines.noise import Noise
from odyssey.networks import equations
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS, get_variant
from tests.support.libraries import FEW, build_few
from tests.support.model_checks import (
    CODES,
    GRADIENT,
    OTHERS,
    check_step,
    network,
    random_parameters,
    relative_error,
    sequence,
    started,
)

pytestmark = pytest.mark.usefixtures("libraries")


def check_against_equations(spec, T, tolerance=5e-5, std=0.3):
    check_step(started(FusedModel(spec, GRADIENT), std=std), T, tolerance)


@pytest.mark.parametrize("H", [5, 20, 67])
@pytest.mark.parametrize("code", [*CODES, *OTHERS])
def test_a_step_equals_the_equations(code, H):
    check_against_equations(network(code, H=H), 13)


@pytest.mark.parametrize("code", ["V", "FGR", "GRU"])
def test_a_large_layers_step_equals_the_equations(code):
    check_against_equations(network(code, H=99), 6)


@pytest.mark.parametrize("code", ["V", "CIFG", "NIG+NFG+NOG", "FGR+CIFG", *OTHERS])
def test_every_remainder_of_a_vector_equals_the_equations(code):
    for H in range(16, 32):
        check_against_equations(network(code, 3, H, 4), 6)


@pytest.mark.parametrize("code", [*CODES, *OTHERS])
def test_a_long_step_with_sigmoid_outputs_equals_the_equations(code):
    spec = network(code, 3, 9, 20, False, "bernoulli")
    check_against_equations(spec, 130, tolerance=1e-4, std=0.1)


@pytest.mark.parametrize(
    ("T", "D", "H", "K"),
    [
        (1, 1, 1, 1),
        (1, 512, 3, 2),
        (3, 2, 400, 3),
        (2, 5, 200, 4),
        (5000, 1, 2, 3),
        (49, 3, 4, 700),
    ],
)
@pytest.mark.parametrize("code", ["V", "FGR", *OTHERS])
def test_extreme_shapes_equal_the_equations(code, T, D, H, K):
    spec = network(code, D, H, K, loss="bernoulli" if K == 700 else "softmax")
    check_against_equations(spec, T, tolerance=1e-4, std=0.3 / H**0.5)


def test_the_widest_layer_equals_the_equations():
    check_against_equations(network("V", 2, 1024, 3, False), 3, std=0.01)


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("code", [*CODES, *OTHERS])
def test_the_layer_equals_the_equations(code, kind):
    T, B, D, H = 9, 3, 5, 19
    generator = np.random.default_rng(2)
    spec = network(code, D, H, 2)
    names = [name for name in spec.parameter_shapes() if not name.startswith("output.")]
    values = {n: generator.normal(0, 0.3, spec.parameter_shapes()[n]) for n in names}
    x, dy = generator.normal(size=(T, B, D)), generator.normal(size=(T, B, 2 * H))
    arrays = {name: mx.nd.array(value, dtype=kind) for name, value in values.items()}
    x_mx = mx.nd.array(x, dtype=kind)
    for array in (x_mx, *arrays.values()):
        array.attach_grad()
    with mx.autograd.record():
        y = fused_layer(mx.nd, spec, x_mx, arrays)
    y.backward(mx.nd.array(dy, dtype=kind))
    tolerance = 1e-13 if kind == "float64" else 1e-5
    dx = np.zeros_like(x)
    for k, side in enumerate(spec.directions):
        order, columns = slice(None, None, 1 - 2 * k), slice(k * H, (k + 1) * H)
        own = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(side)}
        expected = equations.cell_forward(spec.variant, own, x[order])
        gradients, d = equations.cell_backward(spec.variant, own, x[order], dy[order][..., columns])
        dx += d[order]
        assert relative_error(y.asnumpy()[..., columns], expected[order]) < tolerance
        for name, gradient in gradients.items():
            assert relative_error(arrays[f"{side}.{name}"].grad.asnumpy(), gradient) < tolerance
    assert relative_error(x_mx.grad.asnumpy(), dx) < tolerance


def outputs_of(code, parameters, x, y, H=21, loss="softmax"):
    spec = NetworkSpec(get_variant(code), x.shape[1], H, 6, True, loss)
    model = FusedModel(spec, UpdateRule(0.1, 0.5))
    model.set_parameters({name: parameters[name] for name in spec.parameter_shapes()})
    return model.evaluate(x, y)[1]


@pytest.mark.parametrize("H", [21, 32])
def test_identities_between_variants(H):
    generator = np.random.default_rng(4)
    spec = NetworkSpec(get_variant("FGR"), 5, H, 6, True, "softmax")
    parameters = random_parameters(spec, generator)
    x, y = sequence(spec, 40, generator)
    for side in spec.directions:
        parameters[f"{side}.Q"][:] = 0
    vanilla, full = (outputs_of(code, parameters, x, y, H) for code in ("V", "FGR"))
    if H % 16:  # FGR does not pack the last units' blocks, so it sums them in another order
        assert relative_error(full, vanilla) < 2e-6
    else:
        assert (full == vanilla).all()
    for side in spec.directions:
        parameters[f"{side}.p"][:] = 0
    assert (outputs_of("NP", parameters, x, y, H) == outputs_of("V", parameters, x, y, H)).all()


def test_coupled_gates_are_a_forget_gate_of_opposite_sign():
    generator = np.random.default_rng(5)
    spec = NetworkSpec(get_variant("CIFG"), 5, 21, 6, True, "softmax")
    coupled = random_parameters(spec, generator)
    x, y = sequence(spec, 40, generator)
    free = dict(coupled)
    for side in spec.directions:
        for name in ("W", "R", "b"):
            z, i, o = np.split(coupled[f"{side}.{name}"], 3)
            free[f"{side}.{name}"] = np.concatenate([z, i, -i, o])
        i, o = np.split(coupled[f"{side}.p"], 2)
        free[f"{side}.p"] = np.concatenate([i, -i, o])
    assert relative_error(outputs_of("CIFG", coupled, x, y), outputs_of("V", free, x, y)) < 2e-6


@pytest.mark.parametrize(
    ("code", "nesterov", "clip"),
    [
        ("V", True, False),
        ("V", False, False),
        ("V", True, True),
        ("GRU", True, 0.3),
        ("RNN", False, 0.3),
    ],
)
@pytest.mark.parametrize("loss", ["softmax", "bernoulli", "ctc", "squared"])
def test_twenty_updates_equal_those_of_gluon(loss, code, nesterov, clip):
    generator = np.random.default_rng(6)
    spec = network(code, 4, 10, 7, loss=loss)
    rule = UpdateRule(0.005, 0.8, nesterov, clip)
    models = [FusedModel(spec, rule), GluonModel(spec, rule, "fused"), GluonModel(spec, rule)]
    parameters = random_parameters(spec, generator, 0.1)
    data = [sequence(spec, T, generator) for T in (12, 5, 17, 9)]
    for model in models:
        model.set_parameters(parameters)
        for k in range(20):
            model.train_step(*data[k % 4])
    moved = models[0].get_parameters()
    assert max(np.abs(moved[name] - parameters[name]).max() for name in moved) > 1e-3
    for other in models[1:]:
        for name, value in other.get_parameters().items():
            assert np.abs(value - moved[name]).max() < 1e-6, name
        for name, value in other.get_state()["velocity"].items():
            assert np.abs(value - models[0].get_state()["velocity"][name]).max() < 1e-6, name


@settings(max_examples=25, deadline=None)
@given(
    *(st.integers(1, 12), st.integers(1, 60), st.integers(1, 40), st.booleans()),
    st.sampled_from([*VARIANTS, *OTHERS]),
)
def test_parameters_come_back_as_they_were(D, H, K, bidirectional, code):
    spec = network(code, D, H, K, bidirectional)
    model = FusedModel(spec, UpdateRule(0.1, 0.9))
    assert all((value == 0).all() for value in model.get_parameters().values())
    parameters = random_parameters(spec, np.random.default_rng(H))
    model.set_parameters(parameters)
    model.set_state({"velocity": parameters})
    for values in (model.get_parameters(), model.get_state()["velocity"]):
        assert list(values) == list(parameters)
        for name, value in values.items():
            assert (value == parameters[name]).all()


def test_the_same_steps_give_the_same_bits():
    generator = np.random.default_rng(9)
    spec = NetworkSpec(VARIANTS["V"], 4, 50, 7, True, "softmax")
    parameters = random_parameters(spec, generator)
    data = [sequence(spec, T, generator) for T in (12, 300, 17)]

    def trained():
        model = FusedModel(spec, UpdateRule(0.01, 0.9))
        model.set_parameters(parameters)
        losses = [model.train_step(x, y) for x, y in data]
        return losses, model.get_parameters()

    (losses, first), (again, second) = trained(), trained()
    assert losses == again
    assert all((first[name] == second[name]).all() for name in first)


@pytest.mark.parametrize(
    "row", [(5, 3, 0, 3), (-1, 3, 0, 3), (0, 0, 0, 0), (0, 3, 5, 3), (0, 3, 0, 2)]
)
def test_a_run_outside_its_data_is_refused(row):
    model = FusedModel(NetworkSpec(VARIANTS["V"], 3, 5, 4, True, "softmax"), UpdateRule(0.1, 0.9))
    split = [(np.zeros((7, 3), np.float32), np.zeros(7, int))]
    model.train_run(split, [0], Noise(0.0, 0, 0))
    model._sequences(split).places[0] = row
    with pytest.raises(ValueError, match=r"^row 0 of the table[^\n]*$"):
        model.train_run(split, [0], Noise(0.0, 0, 0))


COMPUTE = """
import numpy as np, sys
from tests.support.model_checks import random_parameters, sequence
from odyssey.engines.fused.model import FusedModel
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.cells import get_cell
generator = np.random.default_rng(3)
spec = NetworkSpec(get_cell(sys.argv[1]), 7, 21, 11, True, "softmax")
model = FusedModel(spec, UpdateRule(0.01, 0.9))
model.set_parameters(random_parameters(spec, generator))
x, y = sequence(spec, 60, generator)
losses = [model.train_step(x, y) for _ in range(3)]
np.savez(sys.argv[2], losses=losses, **model.get_parameters())
"""


@pytest.mark.parametrize("code", [*FEW, *OTHERS])
def test_instruction_sets_agree(code, tmp_path):
    """Documented tolerance: 1e-5 of the largest entry after three updates."""
    results = {}
    build_few("portable")
    for name in {"portable", *supported_sets()[:1]}:
        environment = os.environ | {"ODYSSEY_INSTRUCTION_SET": name}
        target = tmp_path / f"{name}.npz"
        command = [sys.executable, "-c", COMPUTE, code, str(target)]
        subprocess.run(
            command, check=True, env=environment, cwd=os.path.dirname(__file__) + "/../.."
        )
        results[name] = np.load(target)
    portable = results.pop("portable")
    for other in results.values():
        for name in portable.files:
            assert relative_error(other[name], portable[name]) < 1e-5, name
