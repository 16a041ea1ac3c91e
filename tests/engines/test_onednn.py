"""oneDNN's LSTM, with which the benchmark compares, computes what our equations say."""

import numpy as np
import pytest

from benchmarks import onednn
from odyssey.networks.equations import cell_backward, cell_forward
from odyssey.networks.variants import VARIANTS
from tests.support.model_checks import relative_error

pytestmark = pytest.mark.skipif(not onednn.files(), reason="needs the packages of oneDNN")
BLOCKS = ("i", "f", "z", "o")  # in oneDNN's order
T, D, H = 37, 7, 20


def in_our_order(variant, arrays, side, gradients=False):
    """One direction's parameters in the shapes of ``parameter_shapes``, float64."""
    d = "d" if gradients else ""
    order = [BLOCKS.index(block) for block in variant.blocks]
    W, R, b = (arrays[d + name][side][..., order, :] for name in "WRb")
    found = {"W": W.reshape(D, 4 * H).T, "R": R.reshape(H, 4 * H).T, "b": b.reshape(4 * H)}
    if variant.peepholes:
        found["p"] = arrays[f"{d}p"][side].reshape(3 * H)  # i, f, o in both
    return {name: array.astype(float) for name, array in found.items()}


@pytest.fixture(params=["V", "NP"])
def variant(request):
    return VARIANTS[request.param]


@pytest.mark.parametrize("sides", [1, 2])
def test_outputs_and_gradients_equal_the_equations(variant, sides):
    layer = onednn.Layer(T, D, H, sides, variant.peepholes)
    arrays, generator = layer.arrays, np.random.default_rng(sides)
    for name in sorted(arrays.keys() - {"y"}):
        arrays[name][:] = generator.normal(0, 1 if name == "x" else 0.3, arrays[name].shape)
    layer.step()
    layer.step()  # nothing is left of the step before
    x, dx = arrays["x"][:, None].astype(float), 0.0
    for side, order in enumerate((slice(None), slice(None, None, -1))[:sides]):
        parameters = in_our_order(variant, arrays, side)
        mine = slice(side * H, (side + 1) * H)
        y = cell_forward(variant, parameters, x[order])[order, 0]
        assert relative_error(arrays["y"][:, mine], y) < 1e-6
        dy = arrays["dy"][order, None, mine].astype(float)
        expected, dx_side = cell_backward(variant, parameters, x[order], dy)
        for name, gradient in in_our_order(variant, arrays, side, gradients=True).items():
            assert relative_error(gradient, expected[name]) < 5e-6, name
        dx = dx + dx_side[order, 0]
    assert relative_error(arrays["dx"], dx) < 5e-6
