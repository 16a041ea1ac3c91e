"""Functional ANOVA of a random search: which hyperparameter explains how much of the variance.

Source: Hutter, Hoos, Leyton-Brown, ICML 2014, on scikit-learn's forests. Deviations, each because
it changes the answer:

- Coordinates are the cdf of the law that a hyperparameter was drawn from, so that averages are over
  the search space as it was sampled, logarithmic where the law is.
- Hyperparameters have names, never positions, and declared ranges, never those of the data.
- The fraction per tree (theirs) counts what trees disagree in as interaction; the fraction of
  the mean of all trees errs the other way. Both are reported: they bracket the truth.
- The spread over trees is no confidence interval; ``bootstrap`` resamples the trials.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from odyssey.analysis.boxes import Array, Boxes, encode, leaves
from odyssey.analysis.marginals import marginal, pair_marginal
from odyssey.analysis.sweep import Closed, mean_variances, tree_variances
from odyssey.search import Choice, Law

Setting = Literal["paper", "accurate"]
#: Share of the columns that a split may choose from. PAPER: 0.7, as in the package fanova.
MAX_FEATURES: Mapping[str, float] = {"paper": 0.7, "accurate": 1.0}
#: Fewer trials than this give a forest of a few leaves and fractions that mean nothing.
MIN_TRIALS = 10


class FunctionalANOVA(BaseEstimator):  # type: ignore[misc]
    """Variance decomposition of y over a search space, by a random forest and exact sums.

    ``space`` maps names to laws; ``trees`` is the size of the forest; ``setting`` "paper" lets a
    split choose among 70 percent of the columns, "accurate" among all. ``mean_totals=False`` leaves
    out the total effects of the mean forest, which take most of the time after the forest's growth.

    After ``fit``: ``effects_`` has one row an effect, in the columns kind ("main", "pair", "total",
    "remainder"), factors (tuple of names), fraction and std (mean and standard deviation over the
    trees), mean_forest (fraction of the mean of all trees), and after
    ``bootstrap`` low and high, the interval of ``fraction``. ``variance_`` (trees,) and
    ``mean_variance_`` are the variances that the fractions refer to; ``boxes_`` are the leaves.
    """

    effects_: pd.DataFrame

    def __init__(
        self,
        space: Mapping[str, Law],
        *,
        trees: int = 100,
        setting: Setting = "accurate",
        mean_totals: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.space = space
        self.trees = trees
        self.setting = setting
        self.mean_totals = mean_totals
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit the forest to trials X (n, ≥ d; columns by name) with figures y (n,).

        Raises ValueError for a missing column, a value outside its law's range, fewer than
        ``MIN_TRIALS`` trials, and figures that are not finite or do not vary.
        """
        self.u_, self.y_ = self._unit_cube(X), _checked(np.asarray(y, float), len(X))
        boxes = self._grow(self.u_, self.y_, check_random_state(self.random_state))
        return self._decompose(boxes, list(self.space))

    @classmethod
    def from_boxes(
        cls, trees: Sequence[Mapping[str, ArrayLike]], names: Sequence[str] | None = None
    ) -> Self:
        """Return the decomposition of a forest of one's own, factors scaled to [0, 1].

        ``trees`` holds {lower (n, d), upper (n, d), value (n,)} each; ``names`` are x0, x1, …
        unless given. Raises ValueError where leaves do not fill the unit cube.
        """
        boxes = Boxes.stack(trees)
        given = list(names or (f"x{j}" for j in range(boxes.lower.shape[1])))
        if len(given) != boxes.lower.shape[1] or len(set(given)) != len(given):
            raise ValueError(
                f"{boxes.lower.shape[1]} factors need as many different names, got {given}"
            )
        return cls({}, trees=boxes.trees)._decompose(boxes, given)

    def fraction(self, *factors: str, kind: str | None = None) -> pd.Series:
        """Return the row of ``effects_`` of one factor (main) or of two (pair)."""
        kind = kind or ("main", "pair")[len(factors) - 1]
        rows = zip(self.effects_.kind, self.effects_.factors, strict=True)
        match = [(its, set(names)) == (kind, set(factors)) for its, names in rows]
        if not any(match):
            raise KeyError(f"no {kind} effect of {factors}; factors are {self.names_}")
        row: pd.Series = self.effects_[match].iloc[0]
        return row

    def marginal(self, factor: str, at: ArrayLike) -> tuple[Array, Array]:
        """Return mean and standard deviation (ddof 1) over trees of E[f | factor].

        ``at`` holds ascending cdf values."""
        curves = marginal(self.boxes_, self._index(factor), np.asarray(at, float))
        return curves.mean(axis=0), curves.std(axis=0, ddof=1)

    def pair_marginal(
        self,
        factors: tuple[str, str],
        at_first: ArrayLike,
        at_second: ArrayLike,
        interaction: bool = False,
    ) -> Array:
        """Return the mean over trees of E[f | both factors] on a grid of ascending cdf values.

        With ``interaction`` the two main effects and the mean are taken off.
        """
        i, j = (self._index(factor) for factor in factors)
        rows, columns = np.asarray(at_first, float), np.asarray(at_second, float)
        grid = pair_marginal(self.boxes_, i, j, rows, columns)
        if interaction:
            grid -= marginal(self.boxes_, i, rows).mean(axis=0)[:, None]
            grid -= marginal(self.boxes_, j, columns).mean(axis=0) - self.mean_
        return grid

    def bootstrap(self, resamples: int = 200, confidence: float = 0.95) -> Self:
        """Add intervals to ``effects_``: trials are drawn with replacement, forests grown anew.

        ``low`` and ``high`` are the basic bootstrap interval, clipped to [0, 1]; resamples whose
        figures do not vary are left out.
        """
        random, n = check_random_state(self.random_state), len(self.y_)
        draws = []
        for _ in range(resamples):
            rows = random.randint(0, n, n)
            if np.ptp(self.y_[rows]) > 0:
                boxes = self._grow(self.u_[rows], self.y_[rows], random)
                draws.append(_fractions(tree_variances(boxes)).mean(axis=0))
        tails = np.quantile(draws, [(1 + confidence) / 2, (1 - confidence) / 2], axis=0)
        low, high = np.clip(2 * self.effects_.fraction.to_numpy() - tails, 0, 1)
        self.effects_ = self.effects_.assign(low=low, high=high)
        return self

    def _unit_cube(self, X: pd.DataFrame) -> Array:
        missing = [name for name in self.space if name not in X]
        if missing:
            raise ValueError(f"X needs a column for every hyperparameter; {missing} are missing")
        return np.column_stack([_cdf(name, law, X[name]) for name, law in self.space.items()])

    def _grow(self, u: Array, y: Array, random: np.random.RandomState) -> Boxes:
        """Grow the trees on bootstrap samples; RandomForestRegressor takes thrice as long."""
        levels = [len(law.levels) if isinstance(law, Choice) else 0 for law in self.space.values()]
        columns, n = encode(u, levels).astype(np.float32), len(y)
        choose = max(1, int(MAX_FEATURES[self.setting] * columns.shape[1]))
        self.estimators_ = []
        with config_context(skip_parameter_validation=True):
            for _ in range(self.trees):
                rows = random.randint(0, n, n)
                tree = DecisionTreeRegressor(max_features=choose, random_state=random)
                self.estimators_.append(tree.fit(columns[rows], y[rows], check_input=False))
        return Boxes.stack(leaves(tree.tree_, levels) for tree in self.estimators_)

    def _decompose(self, boxes: Boxes, names: list[str]) -> Self:
        self.boxes_, self.names_ = boxes, names
        self.mean_ = float(np.prod(boxes.upper - boxes.lower, axis=1) @ boxes.value / boxes.trees)
        trees, mean = tree_variances(boxes), mean_variances(boxes, rest=self.mean_totals)
        if not mean.all > 0:
            raise ValueError("the forest must vary: all its leaves hold the same value")
        self.variance_, self.mean_variance_ = trees.all, float(mean.all[0])
        shares = _fractions(trees)
        self.effects_ = pd.DataFrame(_rows(names), columns=["kind", "factors"]).assign(
            fraction=shares.mean(axis=0), std=shares.std(axis=0), mean_forest=_fractions(mean)[0]
        )
        return self

    def _index(self, factor: str) -> int:
        if factor not in self.names_:
            raise KeyError(f"no factor {factor!r}; factors are {self.names_}")
        return self.names_.index(factor)


def _rows(names: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return kind and factors of all effects, in the order of ``_fractions``."""
    mains = [("main", (name,)) for name in names]
    pairs = [("pair", both) for both in combinations(names, 2)]
    return [*mains, *pairs, *(("total", own) for _, own in mains), ("remainder", ())]


def _fractions(closed: Closed) -> Array:
    """Return the effects as fractions of the variance, (functions that vary, effects)."""
    varies = closed.all > 0
    variance = closed.all[varies, None]
    d = closed.one.shape[1]
    i, j = np.triu_indices(d, 1)
    main = closed.one[varies] / variance
    pair = closed.two[varies][:, i, j] / variance - main[:, i] - main[:, j]
    total = 1 - closed.rest[varies] / variance
    remainder = 1 - main.sum(axis=1) - pair.sum(axis=1)
    return np.column_stack([main, pair, total, remainder])


def _cdf(name: str, law: Law, values: pd.Series) -> Array:
    try:
        return np.array([law.cdf(value) for value in values])
    except (ValueError, TypeError) as error:
        raise ValueError(f"hyperparameter {name}: {error}") from error


def _checked(y: Array, trials: int) -> Array:
    if y.shape != (trials,) or trials < MIN_TRIALS:
        raise ValueError(
            f"fANOVA needs one figure a trial and at least {MIN_TRIALS} trials, "
            f"got {trials} trials and figures of shape {y.shape}"
        )
    if not np.all(np.isfinite(y)):
        raise ValueError(
            "figures must be finite: replace those of diverged trials or leave them out"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"figures must vary, all {trials} are {y[0]:.6g}")
    return y
