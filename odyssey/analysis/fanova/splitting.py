"""The best split of a node, as scikit-learn 1.9 finds it: its draws, its ties, its rounding."""

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.compiled import compiled, inlined
from odyssey.analysis.fanova.sorting import sort_together

Columns = NDArray[np.float32]
Rows = NDArray[np.uint32]
Indices = NDArray[np.int64]
_APART = np.float32(1e-7)  # values nearer than that are one
_BITS = np.uint32(0x7FFFFFFF)


@compiled
def best_split(
    x: Columns,
    y: Array,
    samples: Rows,
    order: Rows,
    tied: NDArray[np.bool_],
    share: int,
    random: Rows,
    drawn: Indices,
    constant: Indices,
    known: int,
    start: int,
    end: int,
    total: float,
    values: Columns,
    ties: Indices,
) -> tuple[int, int, float, int]:
    """Return column, place and cut of the best split, and how many columns are constant now.

    ``drawn`` is a permutation of the columns: constant ones that were drawn, constant ones that
    were not, those found now, those not yet drawn, those drawn. ``samples`` ends in the order of
    the column that was sorted last. Place is ``end`` where there is no split. ``values``
    and ``ties`` are room.
    """
    visited, found, old, end_of_new = 0, 0, 0, len(drawn)
    best, along, place, cut, last = -np.inf, -2, end, 0.0, -1
    while end_of_new > known + found and (visited < share or visited <= found + old):
        visited += 1
        k = old + _draw(random) % (end_of_new - found - old)
        if k < known:
            drawn[old], drawn[k] = drawn[k], drawn[old]
            old += 1
            continue
        k += found
        j = drawn[k]
        here = order[j]
        if tied[j] and _count_ties(here, start, end, x[j], ties) > 0:
            if last >= 0:
                samples[start:end] = order[last, start:end]
            for p in range(start, end):
                values[p] = x[j, samples[p]]
            sort_together(values, samples, here, ties, start, end)
            here, last = samples, -1
        else:
            last = j
        if x[j, here[end - 1]] <= x[j, here[start]] + _APART:
            drawn[k], drawn[known + found] = drawn[known + found], drawn[k]
            found += 1
            continue
        end_of_new -= 1
        drawn[end_of_new], drawn[k] = drawn[k], drawn[end_of_new]
        more, at = _scan(here, start, end, x[j], y, total, best)
        if more > best:
            best, along, place = more, j, at
            below, above = np.float64(x[j, here[at - 1]]), np.float64(x[j, here[at]])
            cut = below / 2.0 + above / 2.0  # type: ignore[assignment]
    if last >= 0:
        samples[start:end] = order[last, start:end]
    drawn[:known] = constant[:known]
    constant[known : known + found] = drawn[known : known + found]
    return along, place, cut, known + found


@compiled
def _draw(random: Rows) -> np.int64:
    """Return the generator's next number below 2³¹ (G. Marsaglia, "Xorshift RNGs", 2003)."""
    if random[0] == 0:
        random[0] = 1
    random[0] ^= random[0] << np.uint32(13)
    random[0] ^= random[0] >> np.uint32(17)
    random[0] ^= random[0] << np.uint32(5)
    return np.int64(random[0] & _BITS)


@compiled
def _count_ties(rows: Rows, start: int, end: int, x: Columns, ties: Indices) -> int:
    """Return how many rows have the value of another one before them, and count them up."""
    count, ties[start] = 0, 0
    for p in range(start + 1, end):
        count += (rows[p] != rows[p - 1]) & (x[rows[p]] == x[rows[p - 1]])
        ties[p] = count
    return count


@inlined
def less_those_from(rows: Rows, at: int, end: int, y: Array, total: float) -> float:
    """Return the total less the figures from a place on, taken off from the end."""
    for p in range(end - 1, at - 1, -1):
        total -= y[rows[p]]
    return total


@compiled
def _scan(
    rows: Rows, start: int, end: int, x: Columns, y: Array, total: float, best: float
) -> tuple[float, int]:
    """Return the best split of sorted rows that beats ``best``, Σ² / n of both sides, and where.

    The left side's sum comes from the nearer end, as scikit-learn adds it.
    """
    place, done, left, p = end, start, 0.0, start
    here = x[rows[start]]
    while True:
        p += 1
        while p < end:
            before, here = here, x[rows[p]]
            if here > before + _APART:
                break
            p += 1
        if p >= end:
            return best, place
        if p - done <= end - p:
            for q in range(done, p):
                left += y[rows[q]]
        else:
            left = less_those_from(rows, p, end, y, total)
        done, rest = p, total - left
        gain = left * left / (p - start) + rest * rest / (end - p)
        if gain > best:
            best, place = gain, p
