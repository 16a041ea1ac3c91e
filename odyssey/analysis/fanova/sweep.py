"""Variances of the ANOVA components of box functions: exact sums, compiled, with a NumPy reference.

Source: Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
ICML 2014, section 4. The closed variance of a set U of factors is the variance of the function's
average over all other factors, C_U = Var_U E[f | x_U]; a component's variance is C_U less those of
its proper subsets. Boxes may overlap: values add up, so that the leaves of T trees, each value
divided by T, are the mean of the forest.

One factor or a pair of trees' is a sweep (see ``components``), the whole variance a sum over pairs
of trees (see ``overlap``). Larger sets, and boxes that are no trees, are a sum over pairs of boxes;
sorted along one factor only those that meet there are visited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array, Boxes
from odyssey.analysis.fanova.compiled import compiled
from odyssey.analysis.fanova.components import components_of
from odyssey.analysis.fanova.hierarchy import Hierarchy, hierarchy
from odyssey.analysis.fanova.overlap import products
from odyssey.analysis.fanova.threads import in_turn

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


def tree_variances(
    boxes: Boxes, rest: bool = True, workers: int = 1, trees: Hierarchy | None = None
) -> Closed:
    """Return the closed variances of each tree; without ``rest`` that field is NaN.

    ``trees`` is ``hierarchy(boxes)``, where that is known.
    """
    trees = trees or hierarchy(boxes)
    if trees is None:
        return _of_any_boxes(boxes, rest)
    d, each = boxes.lower.shape[1], [trees.of(t) for t in range(boxes.trees)]
    parts = in_turn(components_of, each, workers)
    every = in_turn(lambda own: own.squares + products(own), each, workers)
    others = np.full((boxes.trees, d), np.nan)
    if rest:
        single = [slice(a, b) for a, b in pairwise(boxes.offsets.tolist())]
        others = np.array(in_turn(lambda at: _rest(*_rows(boxes, at)), single, workers))
    one = np.array([main for main, _ in parts])
    two = np.array([pair for _, pair in parts])
    return Closed(np.array(every), one, _closed(one, two), others)


def mean_variances(
    boxes: Boxes, rest: bool = True, workers: int = 1, trees: Hierarchy | None = None
) -> Closed:
    """Return those of the mean of all trees, with T = 1; ``rest`` takes most of the time.

    ``workers`` threads share the work; their number changes no more than the last digits.
    """
    trees, d = trees or hierarchy(boxes), boxes.lower.shape[1]
    lower, upper, value = boxes.lower, boxes.upper, boxes.value / boxes.trees
    if trees is None:
        one_function = np.array([0, len(value)])
        layers = boxes.layers * boxes.trees
        return _of_any_boxes(Boxes(lower, upper, value, one_function, layers), rest)
    share, jobs = 1 / boxes.trees**2, range(workers)
    parts = in_turn(lambda p: components_of(trees, p, workers), jobs, workers)
    products_ = in_turn(lambda p: products(trees, p, workers), jobs, workers)
    one = share * parts[0][0][None]
    two = share * np.sum([pair for _, pair in parts], axis=0)[None]
    everything = share * np.array([trees.squares + sum(products_)])
    others = _rest(lower, upper, value) if rest else np.full(d, np.nan)
    return Closed(everything, one, _closed(one, two), others[None])


def _closed(one: Array, pair: Array) -> Array:
    """Return C of two factors (T, d, d; above the diagonal) from the components' variances."""
    both = pair + one[:, :, None] + one[:, None, :]
    return np.triu(both, 1)


def _rows(boxes: Boxes, at: slice) -> tuple[Array, Array, Array]:
    return boxes.lower[at], boxes.upper[at], boxes.value[at]


def _of_any_boxes(boxes: Boxes, rest: bool) -> Closed:
    """Return the closed variances of boxes that are no trees: pair by pair of boxes."""
    d = boxes.lower.shape[1]
    one, two = np.empty((boxes.trees, d)), np.zeros((boxes.trees, d, d))
    every, others = np.empty(boxes.trees), np.full((boxes.trees, d), np.nan)
    for t, (a, b) in enumerate(pairwise(boxes.offsets.tolist())):
        rows = _rows(boxes, slice(a, b))
        every[t] = set_variance(*rows, range(d))
        one[t] = [set_variance(*rows, [j]) for j in range(d)]
        for j, k in combinations(range(d), 2):
            two[t, j, k] = set_variance(*rows, [j, k])
        if rest:
            others[t] = _rest(*rows)
    return Closed(every, one, two, others)


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
