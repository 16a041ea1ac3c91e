"""Fully grown regression trees, bit for bit those of scikit-learn's DecisionTreeRegressor, sooner.

Each column is sorted once for a forest; a split divides the sorted rows of every column, so that no
node sorts anything. Ties between splits are many, for any column parts two rows: they fall as in
scikit-learn 1.9, by the order in which its generator draws the columns and by the rounding of sums
in the order of its samples. So that order is followed, through its sort where rows share a value.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.compiled import compiled
from odyssey.analysis.fanova.splitting import (
    Columns,
    Indices,
    Rows,
    best_split,
    less_those_from,
)

_PURE = np.finfo(float).eps  # a variance that is no more needs no split


@dataclass(frozen=True)
class Grown:
    """A tree in the arrays of scikit-learn's ``tree_``, parents before children; a leaf has −1."""

    children_left: Indices
    children_right: Indices
    feature: Indices
    threshold: Array
    value: Array
    n_features: int

    def predict(self, columns: Columns) -> Array:
        """Return the value (n,) of the leaf in which each row of columns (n, c) lies."""
        nodes = self.children_left, self.children_right, self.feature, self.threshold
        at = _leaf_of(columns, *nodes)
        predicted: Array = self.value[at, 0, 0]
        return predicted


class Presorted:
    """The columns (n, c) of trials, ready for any number of trees."""

    def __init__(self, columns: Columns) -> None:
        self.rows, self.columns = columns, np.ascontiguousarray(columns.T)
        self.order = np.argsort(self.columns, axis=1, kind="stable").astype(np.uint32)
        own = np.take_along_axis(self.columns, self.order.astype(np.int64), axis=1)
        self.tied = np.any(own[:, 1:] == own[:, :-1], axis=1)

    def tree(self, y: Array, bag: NDArray[np.int64], seed: int, share: int) -> Grown:
        """Return the tree of figures y (n,) on the rows ``bag``, which may repeat.

        ``share`` columns are tried at a split; ``seed`` is what scikit-learn draws below 2³¹ − 1
        from the tree's generator.
        """
        rows = bag.astype(np.uint32)
        times = np.bincount(bag, minlength=len(y))
        order = np.array([np.repeat(own, times[own]) for own in self.order])
        arrays = _grow(self.columns, y, rows, order, self.tied, share, seed)
        left, right, feature, threshold, value = arrays
        return Grown(left, right, feature, threshold, value[:, None, None], len(self.columns))


@compiled
def _grow(
    x: Columns,
    y: Array,
    samples: Rows,
    order: Rows,
    tied: NDArray[np.bool_],
    share: int,
    seed: int,
) -> tuple[Indices, Indices, Indices, Array, Array]:
    """Grow depth first, left before right: ``samples`` (n,) and ``order`` (c, n) are divided."""
    n, c = len(samples), len(x)
    left, right, feature = (np.full(2 * n, -1), np.full(2 * n, -1), np.full(2 * n, -2))
    threshold, value, nodes = np.full(2 * n, -2.0), np.empty(2 * n), 0
    stack, impurities, top = np.empty((n + 1, 5), np.int64), np.empty(n + 1), 0
    stack[0] = np.array([0, n, -1, 0, 0])  # from, to, parent, is it a left child, constant columns
    random = np.array([seed], np.uint32)
    drawn, constant = np.arange(c), np.zeros(c, np.int64)
    goes, spare, skipped = np.zeros(len(y), np.uint8), np.empty(n, np.uint32), np.empty(c, np.bool_)
    values, ties = np.empty(n, x.dtype), np.empty(n, np.int64)
    while top >= 0:
        start, end, parent, is_left, constants = stack[top]
        impurity = impurities[top]
        top -= 1
        total, squares = _sums(samples, start, end, y)
        size = float(end - start)
        if parent < 0:
            impurity = squares / size - (total / size) * (total / size)
        at, along, cut = end, -2, 0.0
        if end - start > 1 and impurity > _PURE:
            along, at, cut, constants = best_split(
                x, y, samples, order, tied, share, random, drawn, constant, constants, start, end,
                total, values, ties,
            )  # fmt: skip
        if at < end:
            _part(samples, start, end, x[along], cut)
            below, above = _impurities(samples, start, at, end, y, total, squares)
            gained = impurity - (end - at) / size * above - (at - start) / size * below
            if size / n * gained + _PURE < 0:
                at = end
        if parent >= 0:
            if is_left:
                left[parent] = nodes
            else:
                right[parent] = nodes
        value[nodes] = total / size
        if at < end:
            feature[nodes], threshold[nodes] = along, cut
            if (at - start > 1 and below > _PURE) or (end - at > 1 and above > _PURE):
                skipped[:] = False
                skipped[constant[:constants]] = True
                _divide(order, start, end, x[along], cut, along, skipped, goes, spare)
            for child, impure in ((0, above), (1, below)):
                top += 1
                first, last = (start, at) if child else (at, end)
                stack[top, 0], stack[top, 1], stack[top, 2] = first, last, nodes
                stack[top, 3], stack[top, 4] = child, constants
                impurities[top] = impure
        nodes += 1
    arrays = left[:nodes].copy(), right[:nodes].copy(), feature[:nodes].copy()
    return *arrays, threshold[:nodes].copy(), value[:nodes].copy()


@compiled
def _sums(samples: Rows, start: int, end: int, y: Array) -> tuple[float, float]:
    total, squares = 0.0, 0.0
    for p in range(start, end):
        own = y[samples[p]]
        total += own
        squares += own * own
    return total, squares


@compiled
def _part(samples: Rows, start: int, end: int, x: Columns, cut: float) -> None:
    """Bring the samples up to the cut to the front, exchanging others with the last ones."""
    while start < end:
        if x[samples[start]] <= cut:
            start += 1
        else:
            end -= 1
            samples[start], samples[end] = samples[end], samples[start]


@compiled
def _impurities(
    samples: Rows, start: int, at: int, end: int, y: Array, total: float, squares: float
) -> tuple[float, float]:
    """Return the variances of the figures on both sides of a place."""
    below = 0.0
    if at - start <= end - at:
        for p in range(start, at):
            below += y[samples[p]]
    else:
        below = less_those_from(samples, at, end, y, total)
    square = 0.0
    for p in range(start, at):
        square += y[samples[p]] * y[samples[p]]
    one, two = below / (at - start), (total - below) / (end - at)
    return square / (at - start) - one * one, (squares - square) / (end - at) - two * two


@compiled
def _divide(
    order: Rows,
    start: int,
    end: int,
    x: Columns,
    cut: float,
    along: int,
    skipped: NDArray[np.bool_],
    goes: NDArray[np.uint8],
    spare: Rows,
) -> None:
    """Divide the sorted rows of all columns that are not skipped, in their order."""
    some = order[along]
    for p in range(start, end):
        goes[some[p]] = x[some[p]] <= cut
    for j in range(len(order)):
        if skipped[j]:
            continue
        own, kept, others = order[j], start, 0
        for p in range(start, end):
            row = own[p]
            own[kept] = row
            spare[others] = row
            kept += goes[row]
            others += 1 - goes[row]
        own[kept:end] = spare[:others]


@compiled
def _leaf_of(
    columns: Columns, left: Indices, right: Indices, feature: Indices, threshold: Array
) -> Indices:
    found = np.empty(len(columns), np.int64)
    for i in range(len(columns)):
        node = 0
        while left[node] >= 0:
            below = columns[i, feature[node]] <= threshold[node]
            node = left[node] if below else right[node]
        found[i] = node
    return found
