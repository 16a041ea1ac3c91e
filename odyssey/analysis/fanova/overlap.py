"""The integral of the product of two trees, exact: the leaves of one sort the other's nodes.

Down one tree goes a list of nodes of the other, with the share of each that lies within: at a split
along a factor that a listed node does not split itself, its share is divided; where it does, its
children take its place; what lies on one side goes there whole. So a node of the second tree is
never opened where it splits along none of the factors that cut it.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.compiled import compiled
from odyssey.analysis.fanova.hierarchy import Hierarchy

Nodes = NDArray[np.uint32]
_LEAF = np.uint32(2**32 - 1)
_NO_ROOM = np.inf


def products(trees: Hierarchy, part: int = 0, parts: int = 1) -> float:
    """Return the sum of ∫ f_s f_t over all ordered pairs of different trees.

    Of ``parts`` jobs of about equal size job ``part`` is done.
    """
    if len(trees.roots) < 2:
        return 0.0
    size = np.prod(trees.high - trees.low, axis=1)
    left, right, factor = (a.astype(np.uint32) for a in (trees.left, trees.right, trees.factor))
    span = _spans(trees.low, trees.high, trees.left, trees.right, trees.factor)
    value, roots = trees.total / size, trees.roots.astype(np.uint32)
    nodes = (span, left, right, factor, trees.cut, trees.total, value)
    room = 4096
    found, at = 0.0, part
    while True:
        work = np.empty((room, 6), np.int64), np.empty((2, room), np.uint32), np.empty((2, room))
        more, at = _products(roots, at, parts, *nodes, *work)
        found += more
        if at < 0:
            return 2 * found
        room *= 4


@compiled
def _spans(
    low: Array,
    high: Array,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    factor: NDArray[np.int64],
) -> Array:
    """Return the nodes' intervals by factor, (d, M, 2).

    Both ends have a minus where neither the node nor one below it splits the factor: then alone is
    (at − first) (second − at) never positive; else it is where a cut at ``at`` runs through it.
    """
    n, d = low.shape
    span = np.empty((d, n, 2))
    for s in range(n):
        for j in range(d):
            splits = left[s] >= 0 and (
                j == factor[s] or span[j, left[s], 1] > 0 or span[j, right[s], 1] > 0
            )
            sign = 1 if splits else -1
            span[j, s, 0], span[j, s, 1] = sign * low[s, j], sign * high[s, j]
    return span


@compiled
def _products(
    roots: Nodes,
    at: int,
    parts: int,
    span: Array,
    left: Nodes,
    right: Nodes,
    factor: Nodes,
    cut: Array,
    total: Array,
    value: Array,
    stack: NDArray[np.int64],
    lists: Nodes,
    shares: Array,
) -> tuple[float, int]:
    """Return the sum over pairs from number ``at`` on, and −1, or the pair that needs more room."""
    found, number = 0.0, 0
    for s in range(len(roots)):
        for t in range(s):
            if number == at:
                product = _product(
                    roots[s], roots[t], span, left, right, factor, cut, total, value,
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
    first: int,
    second: int,
    span: Array,
    left: Nodes,
    right: Nodes,
    factor: Nodes,
    cut: Array,
    total: Array,
    value: Array,
    stack: NDArray[np.int64],
    lists: Nodes,
    shares: Array,
) -> float:
    """Return ∫ f_s f_t; infinity where the room for lists does not do.

    ``lists[0]`` holds the lists of left children, ``lists[1]`` those of right ones, each a stack.
    """
    if left[first] == _LEAF:
        return float(value[first] * total[second])
    lists[0, 0], shares[0, 0] = second, 1.0
    stack[0] = np.array([np.int64(first), 0, 0, 1, 1, 0])
    top, found, room, unit = 0, 0.0, lists.shape[1] - 2, np.uint64(1)
    while top >= 0:
        s, side, start = (
            np.uint64(stack[top, 0]),
            np.uint64(stack[top, 1]),
            np.uint64(stack[top, 2]),
        )
        end, free = np.uint64(stack[top, 3]), (np.uint64(stack[top, 4]), np.uint64(stack[top, 5]))
        top -= 1
        j, at = np.uint64(factor[s]), cut[s]
        floor, ceiling = abs(span[j, s, 0]), abs(span[j, s, 1])
        i = start
        while i < end:
            b = lists[side, i]
            # One branch that is hardly ever taken; of three each would be guessed wrong often.
            while (at - span[j, b, 0]) * (span[j, b, 1] - at) > 0:
                lists[side, end], shares[side, end] = right[b], shares[side, i]
                end += unit
                b = left[b]
                lists[side, i] = b
                if end >= room:
                    return _NO_ROOM
            i += unit
        to_left, to_right = end if side == 0 else free[0], end if side == 1 else free[1]
        if to_left + (end - start) >= room or to_right + (end - start) >= room or top + 3 >= room:
            return _NO_ROOM
        left_from, right_from = to_left, to_right
        below, above = left[s], right[s]
        left_ends, right_ends = left[below] == _LEAF, left[above] == _LEAF
        sum_left, sum_right = 0.0, 0.0
        if left_ends and right_ends:
            for e in range(start, end):
                b = lists[side, e]
                bottom, edge = max(abs(span[j, b, 0]), floor), min(abs(span[j, b, 1]), ceiling)
                middle = min(max(at, bottom), edge)
                weight = shares[side, e] * total[b] / (edge - bottom)
                sum_left += weight * (middle - bottom)
                sum_right += weight * (edge - middle)
        elif left_ends:
            for e in range(start, end):
                b = lists[side, e]
                bottom, edge = max(abs(span[j, b, 0]), floor), min(abs(span[j, b, 1]), ceiling)
                middle = min(max(at, bottom), edge)
                share = shares[side, e] / (edge - bottom)
                sum_left += share * total[b] * (middle - bottom)
                lists[1, to_right], shares[1, to_right] = b, share * (edge - middle)
                to_right += np.uint64(middle < edge)
        elif right_ends:
            for e in range(start, end):
                b = lists[side, e]
                bottom, edge = max(abs(span[j, b, 0]), floor), min(abs(span[j, b, 1]), ceiling)
                middle = min(max(at, bottom), edge)
                share = shares[side, e] / (edge - bottom)
                sum_right += share * total[b] * (edge - middle)
                lists[0, to_left], shares[0, to_left] = b, share * (middle - bottom)
                to_left += np.uint64(middle > bottom)
        else:
            for e in range(start, end):
                b = lists[side, e]
                bottom, edge = max(abs(span[j, b, 0]), floor), min(abs(span[j, b, 1]), ceiling)
                middle = min(max(at, bottom), edge)
                share = shares[side, e] / (edge - bottom)
                lists[0, to_left], shares[0, to_left] = b, share * (middle - bottom)
                to_left += np.uint64(middle > bottom)
                lists[1, to_right], shares[1, to_right] = b, share * (edge - middle)
                to_right += np.uint64(middle < edge)
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
