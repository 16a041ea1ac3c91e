"""The integral of the product of two trees, exact: the leaves of one go down the other's splits.

Down one tree goes a list of the other's leaves, each with the part of its own integral that lies
in the node: a split divides that part in the ratio of the lengths on both sides. Nothing else is
fetched than the two ends of a leaf along the factor that is split.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.compiled import compiled
from odyssey.analysis.fanova.handing import (
    ROOM,
    keep_both,
    keep_left,
    keep_neither,
    keep_right,
)
from odyssey.analysis.fanova.hierarchy import Hierarchy

Nodes = NDArray[np.uint32]
Places = NDArray[np.int64]
_LEAF = np.uint32(2**32 - 1)
_NO_ROOM = np.inf


def products(trees: Hierarchy, part: int = 0, parts: int = 1) -> float:
    """Return the sum of ∫ f_s f_t over all ordered pairs of different trees.

    Of ``parts`` jobs of about equal size job ``part`` is done.
    """
    if len(trees.roots) < 2:
        return 0.0
    leaf = np.flatnonzero(trees.left < 0)
    # Children stand before parents, so a tree's leaves follow on the root before its own.
    start = np.searchsorted(leaf, np.concatenate([[-1], trees.roots]), side="right")
    ends = np.stack([trees.low[leaf].T, trees.high[leaf].T], axis=2).reshape(-1, 2 * len(leaf))
    value = trees.total / np.prod(trees.high - trees.low, axis=1)
    left, right, factor = (a.astype(np.uint32) for a in (trees.left, trees.right, trees.factor))
    nodes = trees.low, trees.high, left, right, factor, trees.cut, value
    room = 4096
    found, at = 0.0, part
    while True:
        work = np.empty((room, 6), np.int64), np.empty((2, room), np.uint32), np.empty((2, room))
        more, at = _products(trees.roots, at, parts, *nodes, start, ends, trees.total[leaf], *work)
        found += more
        if at < 0:
            return 2 * found
        room *= 4


@compiled
def _products(
    roots: Places,
    at: int,
    parts: int,
    low: Array,
    high: Array,
    left: Nodes,
    right: Nodes,
    factor: Nodes,
    cut: Array,
    value: Array,
    start: Places,
    ends: Array,
    mass: Array,
    stack: Places,
    lists: Nodes,
    shares: Array,
) -> tuple[float, int]:
    """Return the sum over pairs from number ``at`` on, and −1, or the pair that needs more room."""
    found, number = 0.0, 0
    for s in range(len(roots)):
        for t in range(s):
            if number == at:
                first, count = start[t], start[t + 1] - start[t]
                if count > lists.shape[1]:
                    return found, at
                for i in range(count):
                    lists[0, i], shares[0, i] = 2 * (first + i), mass[first + i]
                product = _product(
                    roots[s], count, low, high, left, right, factor, cut, value, ends,
                    stack, lists, shares,
                )  # fmt: skip
                if product == _NO_ROOM:
                    return found, at
                found += product
                at += parts
            number += 1
    return found, -1


@partial(compiled, reorder=True)
def _product(
    root: int,
    count: int,
    low: Array,
    high: Array,
    left: Nodes,
    right: Nodes,
    factor: Nodes,
    cut: Array,
    value: Array,
    ends: Array,
    stack: Places,
    lists: Nodes,
    shares: Array,
) -> float:
    """Return ∫ f_s f_t; infinity where the room for lists does not do.

    ``ends`` (d, 2 leaves) has both ends of each leaf side by side, a list the places of the first.
    ``lists[0]`` holds the lists of left children, ``lists[1]`` those of right ones, each a stack;
    the list of all leaves of the second tree is there.
    """
    if left[root] == _LEAF:
        return float(value[root] * shares[0, :count].sum())
    stack[0] = np.array([root, 0, 0, count, count, 0])
    top, found, room, unit = 0, 0.0, lists.shape[1] - ROOM, np.uint64(1)
    while top >= 0:
        s, side = np.uint64(stack[top, 0]), np.uint64(stack[top, 1])
        start, end = np.uint64(stack[top, 2]), np.uint64(stack[top, 3])
        to_left, to_right = np.uint64(stack[top, 4]), np.uint64(stack[top, 5])
        top -= 1
        if to_left + (end - start) > room or to_right + (end - start) > room or top + 3 >= room:
            return _NO_ROOM
        j, at = np.uint64(factor[s]), cut[s]
        floor, ceiling = low[s, j], high[s, j]
        left_from, right_from = to_left, to_right
        below, above = left[s], right[s]
        left_ends, right_ends = left[below] == _LEAF, left[above] == _LEAF
        work, entries = (lists, shares, ends), (side, start, end)
        node, to = (j, at, floor, ceiling), (to_left, to_right)
        if left_ends and right_ends:
            done, to_left, to_right, sum_left, sum_right = keep_neither(work, entries, node, to)
        elif left_ends:
            done, to_left, to_right, sum_left, sum_right = keep_right(work, entries, node, to)
        elif right_ends:
            done, to_left, to_right, sum_left, sum_right = keep_left(work, entries, node, to)
        else:
            done, to_left, to_right, sum_left, sum_right = keep_both(work, entries, node, to)
        for e in range(done, end):
            b = np.uint64(lists[side, e])
            bottom, edge = max(ends[j, b], floor), min(ends[j, b + unit], ceiling)
            middle = min(max(at, bottom), edge)
            share = shares[side, e] / (edge - bottom)
            if left_ends:
                sum_left += share * (middle - bottom)
            else:
                lists[0, to_left], shares[0, to_left] = lists[side, e], share * (middle - bottom)
                to_left += np.uint64(at > bottom)
            if right_ends:
                sum_right += share * (edge - middle)
            else:
                lists[1, to_right], shares[1, to_right] = lists[side, e], share * (edge - middle)
                to_right += np.uint64(at < edge)
        if left_ends:
            found += sum_left * value[below]
        if right_ends:
            found += sum_right * value[above]
        if to_right > right_from:
            top += 1
            stack[top, 0], stack[top, 1], stack[top, 2] = above, 1, right_from
            stack[top, 3], stack[top, 4], stack[top, 5] = to_right, left_from, to_right
        if to_left > left_from:
            top += 1
            stack[top, 0], stack[top, 1], stack[top, 2] = below, 0, left_from
            stack[top, 3], stack[top, 4], stack[top, 5] = to_left, to_left, to_right
    return found
