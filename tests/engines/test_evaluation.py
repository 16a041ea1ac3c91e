"""Evaluation of several sequences side by side has the bits of one sequence at a time."""

import os
import subprocess
import sys

import numpy as np
import pytest

from odyssey.engines.fused.instructions import supported_sets
from odyssey.engines.fused.model import FusedModel
from odyssey.networks.spec import UpdateRule
from tests.conftest import ROOT
from tests.support.libraries import FEW, build_few
from tests.support.model_checks import CODES, OTHERS, network, sequence, started

pytestmark = pytest.mark.usefixtures("libraries")

LOSSES = ["softmax", "ctc", "bernoulli", "squared"]
LENGTHS = (9, 30, 1, 14, 9, 1, 52, 23, 11, 40, 9, 17, 33, 8, 26, 1, 12)  # more than there are rows


def started_model(code, H, loss="softmax", bidirectional=True):
    spec = network(code, 3, H, 21, bidirectional, loss)
    return started(FusedModel(spec, UpdateRule(0.1, 0.9)), std=0.4)


def drawn(spec, lengths=LENGTHS):
    generator = np.random.default_rng(5)
    return [sequence(spec, T, generator) for T in lengths]


def evaluated(model, split):
    return [(loss, a.copy()) for loss, a in model.evaluate_run(split, range(len(split)), nats=True)]


def check_bits(model, split):
    for (loss, outputs), (x, y) in zip(evaluated(model, split), split, strict=True):
        alone, expected = model.evaluate(x, y)
        assert (outputs == expected).all()
        assert loss == alone


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("code", [*CODES, *OTHERS])
def test_sequences_side_by_side_have_the_bits_of_one_at_a_time(code, loss, bidirectional):
    for H in (5, 21, 37):
        model = started_model(code, H, loss, bidirectional)
        check_bits(model, drawn(model.spec))


@pytest.mark.parametrize("code", ["V", "CIFG", "FGR", "NIG+NFG+NOG"])
def test_every_remainder_of_a_vector_has_them(code):
    for H in (*range(14, 34), 64, 100):
        model = started_model(code, H)
        check_bits(model, drawn(model.spec, LENGTHS[:14]))


@pytest.mark.parametrize("count", [2, 12, 13])
def test_any_number_of_sequences_has_them(count):
    model = started_model("V", 20)
    check_bits(model, drawn(model.spec, LENGTHS[:count]))


def test_what_is_not_finite_stays_with_its_sequence():
    model = started_model("V", 21)
    split = drawn(model.spec)
    clean = evaluated(model, split)
    split = [(x.copy(), y) for x, y in split]  # a model reads a split once
    split[4][0][3, 1] = np.nan
    for n, ((loss, outputs), (before, others)) in enumerate(
        zip(evaluated(model, split), clean, strict=True)
    ):
        if n == 4:
            assert np.isnan(loss)
            assert np.isnan(outputs).any()
        else:
            assert loss == before
            assert (outputs == others).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_that_no_figure_needs_are_left_out(loss):
    model = started_model("V", 5, loss)
    split = drawn(model.spec, LENGTHS[:2])
    found = [value for value, _ in model.evaluate_run(split, [0, 1])]
    needed = loss == "bernoulli"  # the others count errors
    assert np.isnan(found).tolist() == [not needed] * 2


COMPARE = """
import sys
from tests.engines import test_evaluation as t
for code in sys.argv[1:]:
    for H in (5, 21, 40):
        for loss in t.LOSSES:
            model = t.started_model(code, H, loss)
            t.check_bits(model, t.drawn(model.spec))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", supported_sets()[1:])
def test_other_instruction_sets_have_them_too(name):
    build_few(name)
    command = [sys.executable, "-c", COMPARE, *FEW]
    environment = os.environ | {"ODYSSEY_INSTRUCTION_SET": name}
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
