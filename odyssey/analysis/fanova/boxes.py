"""Regression forests as boxes: every tree is a piecewise constant function on the unit cube.

A factor with k levels is the interval [0, 1] cut into k equal cells, as ``Choice.cdf`` places them.
scikit-learn sees such a factor one-hot encoded, so that a leaf holds any set of levels; here the
set is written as runs of neighbouring cells, one box each. So sets of levels cost the exact sums
of fANOVA no special case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from odyssey.analysis.fanova.compiled import compiled

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Boxes:
    """The leaves of T trees on [0, 1]^d, stacked: L boxes in all.

    ``lower`` and ``upper`` (L, d), ``value`` (L,); tree t owns the boxes ``offsets[t]`` up to
    ``offsets[t + 1]``, which cover the cube ``layers`` times: 1 for a tree, 2 for the sum of two.
    That is checked: ValueError.
    """

    lower: Array
    upper: Array
    value: Array
    offsets: NDArray[np.int64]
    layers: int = 1

    def __post_init__(self) -> None:
        if not np.all((self.lower >= 0) & (self.lower < self.upper) & (self.upper <= 1)):
            raise ValueError("boxes need 0 ≤ lower < upper ≤ 1: scale the factors to the unit cube")
        volume = np.add.reduceat(np.prod(self.upper - self.lower, axis=1), self.offsets[:-1])
        if not np.allclose(volume, self.layers, atol=1e-9):
            t = int(np.argmax(np.abs(volume - self.layers)))
            raise ValueError(
                f"the leaves of a tree must fill the unit cube: those of tree {t} have volume "
                f"{volume[t]:.6g}; bring all leaves, and factors scaled to [0, 1]"
            )

    @property
    def trees(self) -> int:
        """The number of trees T."""
        return len(self.offsets) - 1

    @property
    def tree(self) -> NDArray[np.int64]:
        """The tree of every box, (L,)."""
        return np.repeat(np.arange(self.trees), np.diff(self.offsets))

    @classmethod
    def stack(cls, trees: Iterable[Mapping[str, ArrayLike]], layers: int = 1) -> "Boxes":
        """Return the boxes of trees given as {lower (n, d), upper (n, d), value (n,)}."""
        lower, upper, value = (
            [np.asarray(tree[key], float) for tree in trees]
            for trees in [list(trees)]
            for key in ("lower", "upper", "value")
        )
        if not value:
            raise ValueError("a forest needs at least one tree, got none")
        offsets = np.cumsum([0, *map(len, value)])
        corners = np.concatenate(lower), np.concatenate(upper)
        return cls(*corners, np.concatenate(value), offsets, layers)


def encode(u: Array, levels: Sequence[int]) -> Array:
    """Return the columns that a tree splits: (n, d) cdf values → (n, columns).

    ``levels`` holds k for a factor with k levels, 0 for a continuous one. Two levels stay one
    column, whose only cut lies at 1/2.
    """
    return np.hstack([_one_hot(u[:, j], k) if k > 2 else u[:, [j]] for j, k in enumerate(levels)])


def leaves(tree: Any, levels: Sequence[int]) -> dict[str, Array]:
    """Return {lower, upper, value} of a tree grown on columns of ``encode``.

    ``tree`` is a ``growing.Grown`` or the ``tree_`` of scikit-learn.
    """
    lower, upper = _corners(
        tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.n_features
    )
    leaf = (tree.children_left < 0) & np.all(lower < upper, axis=1)
    lower, upper, value = lower[leaf], upper[leaf], tree.value[leaf, 0, 0]
    for j, k in enumerate(levels):
        if k > 2:
            columns = slice(j, j + k)
            at, first, last = _runs(lower[:, columns], upper[:, columns])
            lower, upper, value = lower[at], upper[at], value[at]
            lower[:, j], upper[:, j] = first, last
            lower, upper = (np.delete(a, range(j + 1, j + k), axis=1) for a in (lower, upper))
    return {"lower": lower, "upper": upper, "value": value}


@compiled
def _corners(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    feature: NDArray[np.int64],
    threshold: Array,
    columns: int,
) -> tuple[Array, Array]:
    """Return lower and upper corner of all nodes; scikit-learn numbers children after parents."""
    lower, upper = np.zeros((len(left), columns)), np.ones((len(left), columns))
    for node in range(len(left)):
        if left[node] >= 0:
            for child in (left[node], right[node]):
                lower[child], upper[child] = lower[node], upper[node]
            upper[left[node], feature[node]] = threshold[node]
            lower[right[node], feature[node]] = threshold[node]
    return lower, upper


def _one_hot(u: Array, k: int) -> Array:
    one_hot: Array = (np.minimum(u * k, k - 1).astype(int)[:, None] == np.arange(k)).astype(float)
    return one_hot


def _runs(lower: Array, upper: Array) -> tuple[NDArray[np.int64], Array, Array]:
    """Return the maximal runs of levels in each leaf: leaf, lower and upper edge in [0, 1]."""
    k = lower.shape[1]
    may_be_0, may_be_1 = lower <= 0, upper >= 1
    forced = np.sum(~may_be_0, axis=1, keepdims=True)
    allowed = may_be_1 & (forced - ~may_be_0 == 0)
    edge = np.diff(np.pad(allowed.astype(int), ((0, 0), (1, 1))), axis=1)
    leaf, first = np.nonzero(edge == 1)
    _, last = np.nonzero(edge == -1)
    return leaf, first / k, last / k
