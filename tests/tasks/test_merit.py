"""Figures of merit against the definitions, written out slowly."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.losses.ctc import best_path
from odyssey.storage.datasets import Example, Split
from odyssey.tasks import TASKS
from odyssey.tasks.merit import FigureOfMerit, baselines


def edit_distance(a, b):
    """Wagner and Fischer's table, whole."""
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    table[:, 0], table[0] = range(len(a) + 1), range(len(b) + 1)
    for i, j in itertools.product(range(len(a)), range(len(b))):
        table[i + 1, j + 1] = min(
            table[i, j] + (a[i] != b[j]), table[i, j + 1] + 1, table[i + 1, j] + 1
        )
    return table[-1, -1]


def one_hot(path, classes):
    return np.eye(classes, dtype=np.float32)[list(path)].reshape(len(path), classes)


@given(st.lists(st.integers(0, 3), max_size=12))
def test_best_path_joins_repeats_then_drops_blanks(path):
    joined = [label for label, _ in itertools.groupby(path)]
    assert best_path(one_hot(path, 4)) == [label for label in joined if label != 3]


sequences = st.lists(
    st.tuples(
        st.lists(st.integers(0, 81), min_size=1, max_size=15),
        st.lists(st.integers(0, 80), min_size=1, max_size=10),
    ),
    min_size=1,
    max_size=5,
)


@given(sequences)
def test_character_error(pairs):
    merit = FigureOfMerit(TASKS["iamondb"])
    edits = 0
    for path, target in pairs:
        merit.add(math.nan, one_hot(path, 82), np.array(target, np.int32))
        decoded = [label for label, _ in itertools.groupby(path) if label != 81]
        edits += edit_distance(decoded, target)
    assert merit.value() == pytest.approx(100 * edits / sum(len(t) for _, t in pairs))


def test_frame_error():
    merit = FigureOfMerit(TASKS["timit"])
    merit.add(math.nan, one_hot([3, 4, 5], 61), np.array([3, 4, 6], np.int32))
    merit.add(math.nan, one_hot([0], 61), np.array([1], np.int32))
    assert merit.value() == 50.0


def test_negative_log_likelihood():
    merit = FigureOfMerit(TASKS["jsb"])
    merit.add(30.0, np.zeros((3, 88)), np.zeros((3, 88), np.uint8))
    merit.add(7.0, np.zeros((1, 88)), np.zeros((1, 88), np.uint8))
    assert merit.value() == 37 / 4


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_not_finite_have_no_figure(task, bad):
    merit, outputs = FigureOfMerit(TASKS[task]), TASKS[task].outputs
    activations = np.zeros((2, outputs), np.float32)
    y = np.zeros((2, outputs) if task == "jsb" else 2, np.int32)
    merit.add(1.0, activations, y)
    assert math.isfinite(merit.value())
    activations[1, 0] = bad
    merit.add(1.0, activations, y)
    merit.add(1.0, np.zeros((2, outputs)), y)
    assert math.isnan(merit.value())


def test_nothing_has_no_figure():
    with pytest.raises(ValueError, match="at least one target"):
        FigureOfMerit(TASKS["jsb"]).value()


def split(pairs):
    return Split.of([Example(str(k), x, y) for k, (x, y) in enumerate(pairs)])


def test_majority_class():
    def labelled(*labels):
        return np.zeros((len(labels), 39), np.float32), np.array(labels, np.int32)

    train, test = split([labelled(5, 5, 2), labelled(5)]), split([labelled(2, 5, 5, 7, 7)])
    assert baselines(TASKS["timit"], train, test) == {"majority class": 60.0}


def test_blank_only():
    lines = split([(np.zeros((9, 4), np.float32), np.array([1, 2], np.int32))])
    assert baselines(TASKS["iamondb"], lines, lines) == {"blank only": 100.0}


def test_bernoulli_baseline_by_its_definition():
    rng = np.random.default_rng(0)
    rolls = (rng.random((2, 30, 88)) < 0.1).astype(np.uint8)
    rolls[0, :, :5] = 0
    train, test = (split([(roll, roll)]) for roll in rolls)
    p = (rolls[0].sum(axis=0) + 0.5) / 31
    expected = -np.where(rolls[1], np.log(p), np.log(1 - p)).sum() / 30
    found = baselines(TASKS["jsb"], train, test)
    assert found["per-pitch Bernoulli"] == pytest.approx(expected)
    assert found["uniform"] == pytest.approx(TASKS["jsb"].worst)
