"""Forests of scikit-learn trees, as boxes: the paper's kind, the package fanova's, an accurate one.

``paper``: scikit-learn's RandomForestRegressor as the authors' public code calls it: fully grown
trees on bootstrap samples, every split among all columns, averages over the range of the data.
``package``: the same, but every split among int(0.7 d) of the d columns, as in the package fanova.
``accurate``: every split among all columns, averages over the declared range, and half of the
trees are grown on what the other half leaves unexplained out of bag (Ghosal and Hooker, "Boosting
Random Forests to Reduce Bias", 2021). A plain forest spends its splits on the strongest factor:
effects below a tenth of the variance come out too small. One such step cures it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array, Boxes, leaves
from odyssey.analysis.fanova.growing import Grown, Presorted
from odyssey.analysis.fanova.threads import in_turn

Setting = Literal["paper", "package", "accurate"]
Rows = NDArray[np.int64]
_SHARE_OF_COLUMNS: Mapping[str, float] = {"paper": 1.0, "package": 0.7, "accurate": 1.0}
_RAND_R_MAX = 2**31 - 1  # scikit-learn's, below which a tree draws its seed


def grow(
    columns: NDArray[np.float32],
    y: Array,
    rows: Rows,
    levels: Sequence[int],
    trees: int,
    setting: Setting,
    random: np.random.RandomState,
    workers: int = 1,
) -> Boxes:
    """Return the boxes of a forest grown on some rows of columns (n, c) and figures y (n,).

    ``rows`` may repeat, as in a bootstrap: a row is out of bag where no copy of it was drawn.
    ``levels`` are those of ``boxes.encode``. In the accurate setting a function is a pair of trees.
    ``workers`` threads grow the trees, the same ones however many they are.
    """
    share = max(1, int(_SHARE_OF_COLUMNS[setting] * columns.shape[1]))
    presorted = Presorted(columns)
    if setting != "accurate":
        grown, _ = _forest(presorted, y, rows, trees, share, random, workers)
        return Boxes.stack(leaves(tree, levels) for tree in grown)
    half = max(1, trees // 2)
    first, predicted = _forest(presorted, y, rows, half, share, random, workers)
    second, _ = _forest(presorted, y - predicted, rows, half, share, random, workers)
    pairs = zip(first, second, strict=True)
    return Boxes.stack((_sum(*(leaves(t, levels) for t in pair)) for pair in pairs), layers=2)


def _forest(
    columns: Presorted,
    y: Array,
    rows: Rows,
    trees: int,
    share: int,
    random: np.random.RandomState,
    workers: int,
) -> tuple[list[Grown], Array]:
    """Return trees and their out-of-bag prediction (n,).

    Where no tree has a row out of bag its prediction is y: nothing is left to explain.
    """
    bags = []
    for _ in range(trees):
        bag = rows[random.randint(0, len(rows), len(rows))]
        bags.append((bag, random.randint(0, _RAND_R_MAX)))  # as scikit-learn draws a tree's seed
    grown = in_turn(lambda drawn: columns.tree(y, drawn[0], drawn[1], share), bags, workers)
    predicted, times = np.zeros(len(y)), np.zeros(len(y))
    for (bag, _), one in zip(bags, grown, strict=True):
        out = np.ones(len(y), bool)
        out[bag] = False
        predicted[out] += one.predict(columns.rows[out])
        times += out
    return grown, np.where(times > 0, predicted / np.maximum(times, 1), y)


def _sum(one: Mapping[str, Array], two: Mapping[str, Array]) -> dict[str, Array]:
    return {key: np.concatenate([one[key], two[key]]) for key in one}
