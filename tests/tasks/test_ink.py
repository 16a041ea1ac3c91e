"""Strokes and texts → features and classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.storage.datasets import DataError
from odyssey.tasks import TASKS
from odyssey.tasks.readers.ink import (
    CHARACTERS,
    decode,
    encode,
    line_example,
    line_features,
    scaled_to_line,
)

lines = st.lists(
    st.lists(st.tuples(*[st.integers(-500, 500)] * 2, st.floats(0, 9)), min_size=1, max_size=9).map(
        lambda rows: np.array(sorted(rows, key=lambda row: row[2]), float)
    ),
    min_size=1,
    max_size=6,
)


def test_81_characters():
    assert len(CHARACTERS) == len(set(CHARACTERS)) == TASKS["iamondb"].outputs - 1


@given(st.text(st.sampled_from(CHARACTERS), min_size=1))
def test_texts_survive_but_for_white_space(text):
    if text.strip():
        assert decode(encode(text)) == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "got"), [("50 %", "'%' in '50 %'"), ("", "nothing"), (" ", "nothing")]
)
def test_other_texts_are_refused(text, got):
    with pytest.raises(DataError, match=f"text of the 81 characters, got {got}"):
        encode(text)


def test_features_by_hand():
    strokes = [
        np.array([[0, 0, 5.0], [1, 2, 5.1], [3, 3, 5.2]]),
        np.array([[10, 0, 7.0]]),
        np.array([[11, 1, 8.0], [12, 5, 8.5], [14, 6, 8.75], [15, 9, 9.0]]),
    ]
    expected = [
        [0, 0, 0, 0],
        [3, 3, 0.2, 1],
        [7, -3, 0, 1],
        [2, 5, 0.5, 0],
        [3, 4, 1.0, 1],
    ]
    np.testing.assert_allclose(line_features(strokes), expected, rtol=1e-6)


@given(lines)
def test_features_lose_no_way_and_no_lift(strokes):
    x = line_features(strokes)
    kept = [(len(stroke) + 1) // 2 for stroke in strokes]
    assert x.shape == (sum(kept), 4)
    np.testing.assert_array_equal(np.flatnonzero(x[:, 3]), np.cumsum(kept) - 1)
    first = strokes[0][(len(strokes[0]) - 1) % 2, :2]
    np.testing.assert_allclose(x[:, :2].sum(axis=0), strokes[-1][-1, :2] - first, atol=1e-2)
    lasting = [stroke[-1, 2] - stroke[0, 2] for stroke in strokes]
    np.testing.assert_allclose(x[np.cumsum(kept) - 1, 2], lasting, atol=1e-5)


@given(lines, st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_scaling_undoes_units_and_place(strokes, unit, shift):
    try:
        expected = scaled_to_line(strokes)
    except DataError:
        return
    moved = [(stroke + np.array([shift, -shift, 0])) * [unit, unit, 1] for stroke in strokes]
    x = line_features(expected)
    np.testing.assert_allclose(line_features(scaled_to_line(moved)), x, rtol=1e-4, atol=1e-3)


def test_scale_is_the_height_of_the_ink_around_its_line():
    x = np.linspace(0, 100, 1001)
    stroke = np.column_stack([x, 0.2 * x + np.sin(2 * np.pi * x), x])
    found = scaled_to_line([stroke])[0]
    assert found[-1, 0] == pytest.approx(100 * np.sqrt(2), rel=1e-2)


@pytest.mark.parametrize(
    "strokes",
    [[], [np.zeros((0, 3))], [np.array([[np.nan, 0, 0]])], [np.array([[0, 1e300, 0]])]],
)
def test_no_ink_is_refused(strokes):
    for function in (line_features, scaled_to_line):
        with pytest.raises(DataError, match="expected"):
            function(strokes)


def test_a_dot_has_no_scale():
    with pytest.raises(DataError, match="got a dot or a straight line"):
        scaled_to_line([np.ones((3, 3))])


def test_a_line_too_short_for_its_text_is_for_preparation_to_judge():
    strokes = [np.arange(9.0).reshape(3, 3)]
    example = line_example("a", strokes, "aa")
    assert (len(example.x), len(example.y)) == (2, 2)
