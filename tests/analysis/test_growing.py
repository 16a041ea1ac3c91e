"""Our trees are those of scikit-learn, bit for bit, where splits or values tie too."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils._sorting import _py_simultaneous_sort

from odyssey.analysis.fanova.growing import Presorted
from odyssey.analysis.fanova.sorting import sort_together

ARRAYS = ("children_left", "children_right", "feature", "threshold", "value")


def trials(n, levels, seed):
    """Columns with some levels each, 0 for a continuous one, figures, and a bootstrap sample."""
    random = np.random.default_rng(seed)
    X = random.random((n, len(levels)))
    for j, k in enumerate(levels):
        X[:, j] = np.floor(X[:, j] * k) / k if k else X[:, j]
    return X.astype(np.float32), X[:, 0] + random.normal(size=n), random.integers(0, n, n)


def both(X, y, bag, share, seed):
    theirs = DecisionTreeRegressor(
        max_features=share, random_state=np.random.RandomState(seed)
    ).fit(X[bag], y[bag])
    drawn = np.random.RandomState(seed).randint(0, 2**31 - 1)
    return theirs.tree_, Presorted(X).tree(y, bag, drawn, share)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [2, 4])
@pytest.mark.parametrize("levels", [(0, 0, 0, 0), (0, 5, 0, 1), (7, 3, 2, 2), (300, 0, 90, 0)])
@pytest.mark.parametrize("n", [12, 150, 700])
def test_trees_are_scikit_learns(n, levels, share, seed):
    X, y, bag = trials(n, levels, seed)
    theirs, ours = both(X, y, bag, share, seed)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X)[:, 0])


@pytest.mark.parametrize("figures", ["capped", "exact", "large", "two"])
def test_figures_that_hardly_differ_end_trees_where_scikit_learn_ends_them(figures):
    X, y, bag = trials(400, (0, 40, 0), 1)
    y = {
        "capped": np.minimum(y, np.quantile(y, 0.2)),
        "exact": X[:, 0].astype(float),
        "large": 1e9 + 1e-7 * y,
        "two": np.where(y > 1, 1.0, 0.0),
    }[figures]
    theirs, ours = both(X, y, bag, 3, 5)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


def test_values_that_float32_hardly_tells_apart_are_one():
    X, y, bag = trials(300, (0, 0), 2)
    X[:, 1] = 0.5 + 1e-8 * np.arange(300)
    theirs, ours = both(X, y, bag, 2, 0)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


def killer(n):
    """Values for which the median of three is ever the second smallest: a heap must take over."""
    half = n // 2
    first = [1 + k if k % 2 == 0 else half + k + 1 - half % 2 for k in range(half)]
    return np.array(first + [2 * (k + 1) for k in range(n - half)]) / n


@pytest.mark.parametrize("levels", [0, 7, 300, 100_000])
@pytest.mark.parametrize("kind", ["random", "organ pipe", "killer"])
def test_the_sort_leaves_rows_of_equal_values_where_scikit_learns_leaves_them(kind, levels):
    n = 5000
    values = {
        "random": np.random.default_rng(0).random(n),
        "organ pipe": np.minimum(np.arange(n), n - np.arange(n)) / n,
        "killer": killer(n),
    }[kind]
    values = (np.floor(values * levels) / levels if levels else values).astype(np.float32)
    order = np.argsort(values, kind="stable").astype(np.uint32)
    ties = np.cumsum(np.diff(values[order], prepend=-1) == 0)
    rows = np.arange(n, dtype=np.uint32)
    sort_together(values.copy(), rows, order, ties, 0, n)
    indices = np.arange(n)
    _py_simultaneous_sort(values.copy(), indices, n, use_three_way_partition=True)
    np.testing.assert_array_equal(rows, indices)
