"""The sums as they were before: quadratic in the leaves, kept to check the fast ones."""

import numpy as np

from odyssey.analysis.fanova.compiled import compiled
from odyssey.analysis.fanova.sweep import set_variance


def quadratic(lower, upper, value):
    """Variances of one function: all of it, of one factor (d,), of two (d, d; upper)."""
    d = lower.shape[1]
    one, two = np.empty(d), np.empty((d, d))
    _sweep(lower, upper, value, one, two)
    return set_variance(lower, upper, value, range(d)), one, two


@compiled
def _sweep(lower, upper, value, main, pair):
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
def _cut(lower, upper, order, cell, width):
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
def _variance_of_one(order, cell, width, weight):
    n, at, level, variance = len(weight), 0, 0.0, 0.0
    for e in order:
        if cell[e] > at:
            variance += level * level * width[at]
            at = cell[e]
        level += weight[e] if e < n else -weight[e - n]
    return variance


@compiled
def _variance_of_two(order, cell, width, row, breadth, weight):
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
