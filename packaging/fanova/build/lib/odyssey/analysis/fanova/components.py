"""Variances of main effects and pairs, from the splits of trees: n log n for each pair.

A split adds to E[f | x_j, x_k] only if it is along one of both: a step along it, with mean zero,
over the node's interval of the other factor; where that is the whole one it is no interaction. So
the component of a pair is a sum of rectangles; written as corners c_p H(x − x_p) H(y − y_p), its
square integrates to Σ c_p c_q (1 − max(x_p, x_q)) (1 − max(y_p, y_q)): a sweep along x over sums
of c and c y below a place on the y axis, which a Fenwick tree holds (P. M. Fenwick, "A New Data
Structure for Cumulative Frequency Tables", 1994).
"""

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.compiled import compiled
from odyssey.analysis.fanova.hierarchy import Hierarchy

Nodes = NDArray[np.int64]
Ranks = NDArray[np.int32]


def components_of(trees: Hierarchy, part: int = 0, parts: int = 1) -> tuple[Array, Array]:
    """Return the variances of mains (d,) and pairs (d, d; upper) of the sum of some trees.

    Of ``parts`` jobs of about equal size job ``part`` is done; the pairs of the others are 0.
    """
    nodes = trees.low, trees.high, trees.left, trees.right, trees.factor, trees.cut, trees.total
    return _components(*nodes, part, parts)


@compiled
def _components(
    low: Array,
    high: Array,
    left: Nodes,
    right: Nodes,
    factor: Nodes,
    cut: Array,
    total: Array,
    part: int,
    parts: int,
) -> tuple[Array, Array]:
    n, d = low.shape
    ranks = np.zeros((3, n, d), np.int32)  # of the lower edge, the upper one; [2, :, 0]: the cut
    edges, count, start, nodes = _edges(left, right, factor, cut, ranks)
    steps = np.zeros((n, 3))
    for s in range(n):
        if factor[s] >= 0:
            j, a, b = factor[s], left[s], right[s]
            one, two = cut[s] - low[s, j], high[s, j] - cut[s]
            h = (total[a] * two - total[b] * one) / (one + two)
            steps[s, 0], steps[s, 2] = h / one, h / two
            steps[s, 1] = -steps[s, 0] - steps[s, 2]
    main, pair = np.zeros(d), np.zeros((d, d))
    room = 6 * n
    for j in range(d):
        step = np.zeros(count[j])
        for s in nodes[start[j] : start[j + 1]]:
            step[ranks[0, s, j]] += steps[s, 0]
            step[ranks[2, s, 0]] += steps[s, 1]
            step[ranks[1, s, j]] += steps[s, 2]
        main[j] = _square(step, edges[j])
    x, y, c, order = (
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room),
        np.empty(room, np.int64),
    )
    job = 0
    for j in range(d):
        for k in range(j + 1, d):
            job += 1
            if job % parts == part:
                pair[j, k] = _pair(
                    j, k, edges, count, start, nodes, ranks, steps, low, high, x, y, c, order
                )
    return main, pair


@compiled
def _edges(
    left: Nodes, right: Nodes, factor: Nodes, cut: Array, ranks: Ranks
) -> tuple[Array, Nodes, Nodes, Nodes]:
    """Return edges (d, most), their counts, and the nodes that split each factor; fill ranks."""
    _, n, d = ranks.shape
    start = np.zeros(d + 1, np.int64)
    for s in range(n):
        if factor[s] >= 0:
            start[factor[s] + 1] += 1
    most = start.max() + 2
    for j in range(d):
        start[j + 1] += start[j]
    nodes, filled = np.empty(start[d], np.int64), start.copy()
    for s in range(n):
        if factor[s] >= 0:
            nodes[filled[factor[s]]] = s
            filled[factor[s]] += 1
    edges, count = np.zeros((d, most)), np.empty(d, np.int64)
    for j in range(d):
        own = nodes[start[j] : start[j + 1]]
        at = 0
        for s in own[np.argsort(cut[own])]:
            if cut[s] > edges[j, at]:
                at += 1
                edges[j, at] = cut[s]
            ranks[2, s, 0] = at
        edges[j, at + 1] = 1.0
        count[j] = at + 2
    seen = np.zeros(n, np.bool_)
    for s in range(n - 1, -1, -1):
        if not seen[s]:
            ranks[0, s], ranks[1, s] = 0, (count - 1).astype(np.int32)
        if factor[s] >= 0:
            a, b = left[s], right[s]
            seen[a] = seen[b] = True
            for k in range(d):
                ranks[0, a, k] = ranks[0, b, k] = ranks[0, s, k]
                ranks[1, a, k] = ranks[1, b, k] = ranks[1, s, k]
            ranks[1, a, factor[s]] = ranks[0, b, factor[s]] = ranks[2, s, 0]
    return edges, count, start, nodes


@compiled
def _square(step: Array, edge: Array) -> float:
    """Return the integral of the square of a function of one factor, given its steps."""
    level, square = 0.0, 0.0
    for e in range(len(step) - 1):
        level += step[e]
        square += level * level * (edge[e + 1] - edge[e])
    return square


@compiled
def _pair(
    j: int,
    k: int,
    edges: Array,
    count: Nodes,
    start: Nodes,
    nodes: Nodes,
    ranks: Ranks,
    steps: Array,
    low: Array,
    high: Array,
    x: Ranks,
    y: Ranks,
    c: Array,
    order: Nodes,
) -> float:
    """Return the variance of the component of factors j and k."""
    m = 0
    along_x, along_y = np.zeros(count[j]), np.zeros(count[k])
    for turned in (False, True):
        along, across = (k, j) if turned else (j, k)
        for s in nodes[start[along] : start[along + 1]]:
            a, b = ranks[0, s, across], ranks[1, s, across]
            if a == 0 and b == count[across] - 1:
                continue
            share = 1 / (high[s, across] - low[s, across])
            for e in range(3):
                place = ranks[2, s, 0] if e == 1 else ranks[e // 2, s, along]
                if turned:
                    along_y[place] += steps[s, e]
                else:
                    along_x[place] += steps[s, e]
                for end, sign in ((a, share), (b, -share)):
                    # A corner at the upper edge of the square holds nothing.
                    if place < count[along] - 1 and end < count[across] - 1:
                        x[m], y[m] = (end, place) if turned else (place, end)
                        c[m] = sign * steps[s, e]
                        m += 1
    square = _corners(edges[j], edges[k], count[j], count[k], x[:m], y[:m], c, order)
    return square - _square(along_x, edges[j]) - _square(along_y, edges[k])


@compiled
def _corners(
    at_x: Array, at_y: Array, xs: int, ys: int, x: Ranks, y: Ranks, c: Array, order: Nodes
) -> float:
    first = np.zeros(xs + 1, np.int64)
    for p in range(len(x)):
        first[x[p] + 1] += 1
    for e in range(xs):
        first[e + 1] += first[e]
    for p in range(len(x)):
        order[first[x[p]]] = p
        first[x[p]] += 1
    below = np.zeros((ys + 1, 2))
    sum_c, sum_cy, square = 0.0, 0.0, 0.0
    for p in order[: len(x)]:
        place, own_c, own_cy = at_y[y[p]], 0.0, 0.0
        node = y[p] + 1
        while node > 0:
            own_c += below[node, 0]
            own_cy += below[node, 1]
            node &= node - 1
        other = sum_c - sum_cy - place * own_c + own_cy
        square += (1 - at_x[x[p]]) * c[p] * (2 * other + c[p] * (1 - place))
        sum_c += c[p]
        sum_cy += c[p] * place
        node = y[p] + 1
        while node <= ys:
            below[node, 0] += c[p]
            below[node, 1] += c[p] * place
            node += node & -node
    return square
