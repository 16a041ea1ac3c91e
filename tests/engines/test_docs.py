"""The examples of docs/engines.md train, with the gradients that central differences have."""

import re

import pytest

from odyssey.engines.choose import new_model
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec
from tests.conftest import ROOT
from tests.support.model_checks import (
    GRADIENT,
    check_differences,
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
    check_differences(started(new_model(spec, GRADIENT, kernels)), spec, 7, rel=1e-5)


def test_the_page_of_the_kernels_names_every_file_of_theirs():
    text = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"[\w./]+\.(?:h|cc|py)\b", row)}
    folder = ROOT / "odyssey" / "engines" / "fused"
    there = {path.name for path in folder.iterdir() if path.suffix in (".h", ".cc", ".py")}
    assert named - {"../variant.h"} == there - {"__init__.py"}
