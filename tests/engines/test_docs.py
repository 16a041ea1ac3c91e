"""The examples of docs/engines.md train, with the gradients that central differences have."""

import re

import numpy as np
import pytest

from odyssey.engines.choose import new_model
from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec
from tests.conftest import ROOT
from tests.support.model_checks import (
    GRADIENT,
    as_float64,
    check_gradient,
    numeric_gradient,
    sequence,
    started,
)


@pytest.fixture(scope="module")
def examples():
    """The page's code, run once."""
    text = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/engines.md", "exec"), {"__name__": "example"})


@pytest.mark.parametrize(
    ("code", "loss", "kernels"),
    [("V", "absolute", "fused"), ("MGU", "softmax", "fused"), ("MGU", "absolute", "gluon")],
)
def test_the_examples_have_the_gradients_of_central_differences(examples, code, loss, kernels):
    spec = NetworkSpec(get_cell(code), 3, 5, 2, True, loss)
    model = started(new_model(spec, GRADIENT, kernels))
    x, y = sequence(spec, 7, np.random.default_rng(1))
    theta, wide = as_float64(model.get_parameters()), x[:, None].astype(float)

    def value():
        a = equations.network_forward(spec, theta, wide)[:, 0]
        return get_loss(loss).value_and_gradient(a, y)[0]

    assert model.train_step(x, y) == pytest.approx(value(), rel=1e-5)
    gradient = {name: numeric_gradient(value, array) for name, array in theta.items()}
    check_gradient(model, gradient, 2e-5)
