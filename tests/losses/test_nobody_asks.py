"""What depends on a loss is in its file: nobody else asks which one it is."""

import re

import pytest

from odyssey.losses import LOSSES
from tests.conftest import ROOT

#: Where an engine lists its faster forms of losses by name.
TABLES = {"fused/loader.py", "gluon/losses.py", "gpu/source.py"}
FILES = [
    path
    for folder in ("odyssey", "scripts", "workflow", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".smk") and "losses" not in path.parent.name
]
NAMES = "|".join(LOSSES)
NAMED = rf"""["'](?:{NAMES})["']"""
QUESTION = rf"""[!=]=\s*{NAMED}|{NAMED}\s*[!=]=|\bin [(\[{{]{NAMED}"""


def questions(text):
    """Lines that compare something with the name of a loss."""
    return [line.strip() for line in text.splitlines() if re.search(QUESTION, line)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_asks_which_loss_it_is(path):
    assert questions(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line", ['if spec.loss == "ctc":', "x = 'softmax' != loss", 'loss in ("bernoulli", "ctc")']
)
def test_a_question_is_found(line):
    assert questions(f"a = 1\n{line}\n") == [line]


def test_the_engines_name_losses_in_their_tables_alone():
    engines = ROOT / "odyssey" / "engines"
    found = {
        str(path.relative_to(engines))
        for path in engines.rglob("*.py")
        if re.search(NAMED, path.read_text(encoding="utf-8"))
    }
    assert found == TABLES
