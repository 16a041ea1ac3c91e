"""Trees of splits, found again from leaf boxes alone, in whatever way the boxes were grown.

Neighbouring boxes are joined while they make a box together; in the order in which a tree lists
its leaves that gives its splits back. Leaves in another order, as sets of levels are, are sorted
first by planes that cut no box. What has no such planes is no tree: ``hierarchy`` returns None.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array, Boxes
from odyssey.analysis.fanova.compiled import compiled

Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class Hierarchy:
    """The M nodes of all trees, children before parents.

    ``low`` and ``high`` (M, d); ``left``, ``right``, ``factor`` (M,), −1 in leaves; ``cut`` (M,);
    ``total`` (M,) is the integral over the node's box of the function less ``mean``; ``roots``
    (all trees,). Function t owns the nodes ``offsets[t]`` up to ``offsets[t + 1]``.
    """

    low: Array
    high: Array
    left: Nodes
    right: Nodes
    factor: Nodes
    cut: Array
    total: Array
    roots: Nodes
    offsets: Nodes

    def of(self, t: int) -> "Hierarchy":
        """Return the trees of function t alone, their nodes numbered from 0."""
        a, b = self.offsets[t], self.offsets[t + 1]
        left, right = (np.maximum(child[a:b] - a, -1) for child in (self.left, self.right))
        roots = self.roots[(a <= self.roots) & (self.roots < b)] - a
        own = self.low[a:b], self.high[a:b], left, right, self.factor[a:b], self.cut[a:b]
        return Hierarchy(*own, self.total[a:b], roots, np.array([0, b - a]))

    @property
    def squares(self) -> float:
        """The sum of the integrals of each tree's square."""
        leaf = self.left < 0
        size = np.prod(self.high[leaf] - self.low[leaf], axis=1)
        return float(np.sum(self.total[leaf] ** 2 / size))


def hierarchy(boxes: Boxes) -> Hierarchy | None:
    """Return the splits of the boxes' trees, values less their function's mean; None: no trees.

    A function of several layers is as many trees, one behind the other.
    """
    volume = np.prod(boxes.upper - boxes.lower, axis=1)
    means = np.add.reduceat(volume * boxes.value, boxes.offsets[:-1])
    value = boxes.value - np.repeat(means / boxes.layers, np.diff(boxes.offsets))
    for order in (_as_given, _sorted):
        rows = order(boxes)
        lower, upper, weight = boxes.lower[rows], boxes.upper[rows], (volume * value)[rows]
        trees = Hierarchy(*_join(lower, upper, weight, boxes.offsets))
        if len(trees.roots) == boxes.trees * boxes.layers:
            return trees
    return None


def _as_given(boxes: Boxes) -> Nodes:
    return np.arange(len(boxes.value))


def _sorted(boxes: Boxes) -> Nodes:
    """Return the boxes' order by cutting planes; layers are told apart where they are whole."""
    order = np.arange(len(boxes.value))
    volume = np.prod(boxes.upper - boxes.lower, axis=1)
    for a, b in zip(boxes.offsets, boxes.offsets[1:], strict=False):
        layer = np.floor(np.cumsum(volume[a:b]) - volume[a:b] / 2).astype(int)
        for k in np.unique(layer):
            rows = a + np.flatnonzero(layer == k)
            order[rows] = rows[_by_planes(boxes.lower[rows], boxes.upper[rows])]
    return order


@compiled
def _join(
    lower: Array, upper: Array, weight: Array, offsets: Nodes
) -> tuple[Array, Array, Nodes, Nodes, Nodes, Array, Array, Nodes, Nodes]:
    n, d = lower.shape
    low, high = np.empty((2 * n, d)), np.empty((2 * n, d))
    left, right = np.full(2 * n, -1), np.full(2 * n, -1)
    factor, cut, total = np.full(2 * n, -1), np.zeros(2 * n), np.zeros(2 * n)
    stack, top, m = np.empty(n, np.int64), 0, 0
    ends = np.zeros(len(offsets), np.int64)
    for t in range(len(offsets) - 1):
        bottom = top
        for i in range(offsets[t], offsets[t + 1]):
            low[m], high[m], total[m] = lower[i], upper[i], weight[i]
            stack[top] = m
            top, m = top + 1, m + 1
            while top > bottom + 1:
                a, b = stack[top - 2], stack[top - 1]
                along, fits = -1, True
                for j in range(d):
                    if low[a, j] != low[b, j] or high[a, j] != high[b, j]:
                        touch = high[a, j] == low[b, j] or high[b, j] == low[a, j]
                        fits = along < 0 and touch
                        along = j
                        if not fits:
                            break
                if not fits or along < 0:
                    break
                if high[a, along] != low[b, along]:
                    a, b = b, a
                low[m], high[m], total[m] = low[a], high[b], total[a] + total[b]
                left[m], right[m], factor[m], cut[m] = a, b, along, low[b, along]
                top -= 1
                stack[top - 1] = m
                m += 1
        ends[t + 1] = m
    parts = low[:m].copy(), high[:m].copy(), left[:m].copy(), right[:m].copy(), factor[:m].copy()
    return *parts, cut[:m].copy(), total[:m].copy(), stack[:top].copy(), ends


@compiled
def _by_planes(lower: Array, upper: Array) -> Nodes:
    """Return the order of boxes in which each plane that cuts none has its sides one by one."""
    n, d = lower.shape
    order = np.arange(n)
    first, last, top = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64), 0
    first[0], last[0] = 0, n
    while top >= 0:
        a, b, at = first[top], last[top], 0
        top -= 1
        for j in range(d):
            rows = order[a:b][np.argsort(lower[order[a:b], j])]
            reach = upper[rows[0], j]
            for i in range(1, b - a):
                if lower[rows[i], j] >= reach:
                    at = a + i
                    break
                reach = max(reach, upper[rows[i], j])
            if at > 0:
                order[a:b] = rows
                first[top + 1], last[top + 1] = a, at
                first[top + 2], last[top + 2] = at, b
                top += 2
                break
    return order
