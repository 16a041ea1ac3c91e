"""Averages of box functions over all factors but one or two: exact, on any grid of points.

Source: Hutter, Hoos, Leyton-Brown, ICML 2014, section 3. As in scikit-learn's trees a box holds its
upper edge and not its lower one, save the cube's own.
"""

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array, Boxes

Spans = tuple[NDArray[np.int64], NDArray[np.int64]]


def marginal(boxes: Boxes, factor: int, at: Array) -> Array:
    """Return E[f | factor] of every tree, (T, points), at ascending points of [0, 1]."""
    length = boxes.upper - boxes.lower
    weight = boxes.value * np.prod(np.delete(length, factor, axis=1), axis=1)
    first, last = _spans(boxes, factor, at)
    step = np.zeros((boxes.trees, len(at) + 1))
    np.add.at(step, (boxes.tree, first), weight)
    np.add.at(step, (boxes.tree, last), -weight)
    return step.cumsum(axis=1)[:, :-1]


def pair_marginal(boxes: Boxes, i: int, j: int, at_i: Array, at_j: Array) -> Array:
    """Return E[f | both factors] of the mean of the trees on the grid of ascending points."""
    length = boxes.upper - boxes.lower
    weight = boxes.value * np.prod(np.delete(length, [i, j], axis=1), axis=1) / boxes.trees
    rows, columns = _spans(boxes, i, at_i), _spans(boxes, j, at_j)
    step = np.zeros((len(at_i) + 1, len(at_j) + 1))
    for row, sign in zip(rows, (1, -1), strict=True):
        np.add.at(step, (row, columns[0]), sign * weight)
        np.add.at(step, (row, columns[1]), -sign * weight)
    return step.cumsum(axis=0).cumsum(axis=1)[:-1, :-1]


def _spans(boxes: Boxes, factor: int, at: Array) -> Spans:
    """Return for every box the first point in it and the first beyond it."""
    lower = np.where(boxes.lower[:, factor] <= 0, -np.inf, boxes.lower[:, factor])
    return (
        np.searchsorted(at, lower, side="right"),
        np.searchsorted(at, boxes.upper[:, factor], side="right"),
    )
