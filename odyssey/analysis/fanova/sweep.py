"""Variances of the ANOVA components of box functions: exact sums, compiled, with a NumPy reference.

Source: Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
ICML 2014, section 4. The closed variance of a set U of factors is the variance of the function's
average over all other factors, C_U = Var_U E[f | x_U]; a component's variance is C_U less those of
its proper subsets. Boxes may overlap: values add up, so that the leaves of T trees, each value
divided by T, are the mean of the forest.

The variance of one factor or of a pair is a sweep: along the first factor boxes open and close,
and the row of the second holds the differences between neighbouring cells. Larger sets are a
sum over pairs of boxes; sorted along one factor only those that meet there are visited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array, Boxes
from odyssey.analysis.fanova.compiled import compiled

Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Closed:
    """Closed variances of T functions on d factors; a component's is C of its set less its parts.

    ``all`` (T,) is the variance; ``one`` (T, d) and ``two`` (T, d, d; above the diagonal) are C of
    one factor and of two, ``rest`` (T, d) is C of all factors but one.
    """

    all: Array
    one: Array
    two: Array
    rest: Array


def tree_variances(boxes: Boxes, rest: bool = True) -> Closed:
    """Return the closed variances of each tree; without ``rest`` that field is NaN."""
    overlap = boxes.layers > 1
    parts = _forest(boxes.lower, boxes.upper, boxes.value, boxes.offsets, overlap, rest)
    return Closed(*parts)


def mean_variances(boxes: Boxes, rest: bool = True) -> Closed:
    """Return those of the mean of all trees, with T = 1; ``rest`` takes most of the time."""
    lower, upper, value = boxes.lower, boxes.upper, boxes.value / boxes.trees
    d = lower.shape[1]
    one, two = np.empty((1, d)), np.empty((1, d, d))
    _sweep(lower, upper, value, one[0], two[0])
    everything = np.array([set_variance(lower, upper, value, range(d))])
    others = _rest(lower, upper, value) if rest else np.full(d, np.nan)
    return Closed(everything, one, two, others[None])


def set_variance(lower: Array, upper: Array, value: Array, factors: Sequence[int]) -> float:
    """Return C of a set of one or more factors for boxes (n, d) that may overlap."""
    return float(_set_variance(lower, upper, value, np.array(factors, np.int64)))


def reference_variance(lower: Array, upper: Array, value: Array, factors: Sequence[int]) -> float:
    """Return C of a set of factors by filling the grid of all its cells: the readable oracle."""
    length = upper - lower
    marginal = value * np.prod(np.delete(length, list(factors), axis=1), axis=1)
    widths = np.ones(1)
    for j in factors:
        edges = np.unique([lower[:, j], upper[:, j]])
        inside = (lower[:, [j]] <= edges[:-1]) & (edges[1:] <= upper[:, [j]])
        marginal = marginal[..., None] * inside.reshape(len(value), *[1] * (marginal.ndim - 1), -1)
        widths = np.multiply.outer(widths, np.diff(edges))
    grid = marginal.sum(axis=0)
    mean = np.prod(length, axis=1) @ value
    return float(np.sum((grid - mean) ** 2 * widths.reshape(grid.shape)))


@compiled
def _forest(
    lower: Array, upper: Array, value: Array, offsets: Cells, overlap: bool, rest: bool
) -> tuple[Array, Array, Array, Array]:
    T, d = len(offsets) - 1, lower.shape[1]
    everything, others = np.empty(T), np.full((T, d), np.nan)
    one, two = np.empty((T, d)), np.empty((T, d, d))
    for t in range(T):
        a, b = offsets[t], offsets[t + 1]
        everything[t] = _sweep(lower[a:b], upper[a:b], value[a:b], one[t], two[t])
        if overlap:
            everything[t] = _set_variance(lower[a:b], upper[a:b], value[a:b], np.arange(d))
        if rest:
            others[t] = _rest(lower[a:b], upper[a:b], value[a:b])
    return everything, one, two, others


@compiled
def _sweep(lower: Array, upper: Array, value: Array, main: Array, pair: Array) -> float:
    """Fill C of mains (d,) and pairs (d, d; upper); return the variance if no boxes overlap."""
    n, d = lower.shape
    volume, weight, share = np.ones(n), np.empty(n), np.empty(n)
    order, cell = np.empty((d, 2 * n), np.int64), np.empty((d, 2 * n), np.int64)
    width = np.zeros((d, 2 * n))
    for j in range(d):
        _cut(lower[:, j], upper[:, j], order[j], cell[j], width[j])
        for i in range(n):
            volume[i] *= upper[i, j] - lower[i, j]
    mean, variance = np.sum(volume * value) / np.sum(volume), 0.0
    for i in range(n):
        variance += volume[i] * (value[i] - mean) ** 2
    pair[:] = 0
    for j in range(d):
        for i in range(n):
            weight[i] = volume[i] * (value[i] - mean) / (upper[i, j] - lower[i, j])
        main[j] = _variance_of_one(order[j], cell[j], width[j], weight)
        for k in range(j + 1, d):
            for i in range(n):
                share[i] = weight[i] / (upper[i, k] - lower[i, k])
            pair[j, k] = _variance_of_two(order[j], cell[j], width[j], cell[k], width[k], share)
    return variance


@compiled
def _cut(lower: Array, upper: Array, order: Cells, cell: Cells, width: Array) -> None:
    """Cut a factor into cells at all edges; edge i < n opens box i, edge n + i closes it.

    Fills the order of the 2n edges, the cell that begins at each, and the widths of the cells.
    """
    n = len(lower)
    edge = np.empty(2 * n)
    edge[:n], edge[n:] = lower, upper
    order[:] = np.argsort(edge)
    at = 0
    for e in range(2 * n):
        if e > 0 and edge[order[e]] > edge[order[e - 1]]:
            width[at] = edge[order[e]] - edge[order[e - 1]]
            at += 1
        cell[order[e]] = at


@compiled
def _variance_of_one(order: Cells, cell: Cells, width: Array, weight: Array) -> float:
    n, at, level, variance = len(weight), 0, 0.0, 0.0
    for e in order:
        if cell[e] > at:
            variance += level * level * width[at]
            at = cell[e]
        level += weight[e] if e < n else -weight[e - n]
    return variance


@compiled
def _variance_of_two(
    order: Cells, cell: Cells, width: Array, row: Cells, breadth: Array, weight: Array
) -> float:
    """Sweep along the first factor (order, cell, width) over a row of the second (row, breadth)."""
    n, at, cells, variance = len(weight), 0, row.max(), 0.0
    step = np.zeros(cells + 1)
    for e in order:
        if cell[e] > at:
            level, square = 0.0, 0.0
            for c in range(cells):
                level += step[c]
                square += level * level * breadth[c]
            variance += square * width[at]
            at = cell[e]
        i, change = (e, weight[e]) if e < n else (e - n, -weight[e - n])
        step[row[i]] += change
        step[row[n + i]] -= change
    return variance


@compiled
def _rest(lower: Array, upper: Array, value: Array) -> Array:
    d = lower.shape[1]
    rest, others = np.zeros(d), np.empty(d - 1, np.int64)
    for j in range(d):
        for k in range(d - 1):
            others[k] = k if k < j else k + 1
        if d > 1:
            rest[j] = _set_variance(lower, upper, value, others)
    return rest


@compiled
def _set_variance(lower: Array, upper: Array, value: Array, factors: Cells) -> float:
    """Sum w_a w_b Π overlap over pairs of boxes, w = (value − mean) · lengths of other factors."""
    n, d = lower.shape
    volume, width = np.ones(n), np.zeros(d)
    for i in range(n):
        for j in range(d):
            volume[i] *= upper[i, j] - lower[i, j]
            width[j] += upper[i, j] - lower[i, j]
    mean = np.sum(volume * value) / np.sum(volume)
    # The factor with the narrowest boxes goes first: along it the fewest pairs meet.
    narrow = factors[0]
    for j in factors:
        if width[j] < width[narrow]:
            narrow = j
    order = np.argsort(lower[:, narrow].copy())
    low, high = np.empty((len(factors), n)), np.empty((len(factors), n))
    weight = np.empty(n)
    for k in range(n):
        i = order[k]
        weight[k] = volume[i] * (value[i] - mean)
        row = 1
        for j in factors:
            weight[k] /= upper[i, j] - lower[i, j]
            at = 0 if j == narrow else row
            low[at, k], high[at, k] = lower[i, j], upper[i, j]
            row += j != narrow
    return _meeting_pairs(low, high, weight)


@partial(compiled, reorder=True)
def _meeting_pairs(low: Array, high: Array, weight: Array) -> float:
    """Sum w_a w_b Π overlap over all pairs; boxes (factors, n) are sorted by ``low[0]``."""
    d, n = low.shape
    product, variance = np.empty(n), 0.0
    for a in range(n):
        end = np.searchsorted(low[0], high[0, a])
        count = end - a
        product[:count] = weight[a:end]
        for j in range(0, d - 1, 2):  # two at a time: half the passes over the row
            k = j + 1
            floor, ceiling, starts, ends = low[j, a], high[j, a], low[j, a:end], high[j, a:end]
            bottom, top, opens, closes = low[k, a], high[k, a], low[k, a:end], high[k, a:end]
            for b in range(count):
                one = max(min(ceiling, ends[b]) - max(floor, starts[b]), 0.0)
                two = max(min(top, closes[b]) - max(bottom, opens[b]), 0.0)
                product[b] *= one * two
        if d % 2:
            floor, ceiling, starts, ends = low[-1, a], high[-1, a], low[-1, a:end], high[-1, a:end]
            for b in range(count):
                product[b] *= max(min(ceiling, ends[b]) - max(floor, starts[b]), 0.0)
        rest = 0.0
        for b in range(1, count):
            rest += product[b]
        variance += weight[a] * (product[0] + 2 * rest)
    return variance
