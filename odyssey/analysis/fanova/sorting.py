"""scikit-learn's sort of values and their rows: where values are equal the rows' order is its own.

An introspective sort in three parts, smaller, equal and larger (D. R. Musser, "Introspective
Sorting and Selection Algorithms", 1997; J. L. Bentley and M. D. McIlroy, "Engineering a Sort
Function", 1993).
"""

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.compiled import compiled

Values = NDArray[np.float32]
Rows = NDArray[np.uint32]
Places = NDArray[np.int64]
_FEW = 15


@compiled
def sort_together(
    values: Values, rows: Rows, order: Rows, ties: Places, start: int, end: int
) -> None:
    """Sort values (n,) from start to end and bring rows (n,) along, both in place.

    ``order`` holds the rows sorted already, those of a value in any order, and ``ties`` up to each
    how many follow on another row with their value: what has no ties is taken from there, and its
    values are left as they are.
    """
    if start == end:
        return
    stack, top = np.empty((end - start + 1, 3), np.int64), 0
    stack[0, 0], stack[0, 1], stack[0, 2] = start, end, 2 * np.int64(np.log2(end - start))
    while top >= 0:
        start, end, depth = stack[top, 0], stack[top, 1], stack[top, 2]
        top -= 1
        while end - start > _FEW and depth > 0 and ties[end - 1] > ties[start]:
            depth -= 1
            first, last = _three_parts(values, rows, start, end)
            top += 1
            stack[top, 0], stack[top, 1], stack[top, 2] = start, first, depth
            start = last
        if start == end:
            continue
        if ties[end - 1] == ties[start]:
            rows[start:end] = order[start:end]
        elif end - start > _FEW:
            _heap_sort(values[start:end], rows[start:end])
        else:
            _insert(values, rows, start, end)


@compiled
def _three_parts(values: Values, rows: Rows, start: int, end: int) -> tuple[int, int]:
    """Return where the values equal to the pivot begin and end."""
    pivot = _median(values[start], values[start + (end - start) // 2], values[end - 1])
    i = smaller = start
    while i < end:
        if values[i] < pivot:
            _exchange(values, rows, i, smaller)
            i += 1
            smaller += 1
        elif values[i] > pivot:
            end -= 1
            _exchange(values, rows, i, end)
        else:
            i += 1
    return smaller, end


@compiled
def _median(a: float, b: float, c: float) -> float:
    return max(min(a, b), min(max(a, b), c))


@compiled
def _insert(values: Values, rows: Rows, start: int, end: int) -> None:
    for i in range(start + 1, end):
        value, row, j = values[i], rows[i], i
        while j > start and values[j - 1] > value:
            values[j], rows[j] = values[j - 1], rows[j - 1]
            j -= 1
        values[j], rows[j] = value, row


@compiled
def _heap_sort(values: Values, rows: Rows) -> None:
    n = len(values)
    for root in range((n - 2) // 2, -1, -1):
        _sink(values, rows, root, n)
    for end in range(n - 1, 0, -1):
        _exchange(values, rows, 0, end)
        _sink(values, rows, 0, end)


@compiled
def _sink(values: Values, rows: Rows, root: int, end: int) -> None:
    while True:
        largest = root
        for child in (2 * root + 1, 2 * root + 2):
            if child < end and values[largest] < values[child]:
                largest = child
        if largest == root:
            return
        _exchange(values, rows, root, largest)
        root = largest


@compiled
def _exchange(values: Values, rows: Rows, i: int, j: int) -> None:
    values[i], values[j] = values[j], values[i]
    rows[i], rows[j] = rows[j], rows[i]
