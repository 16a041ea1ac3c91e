"""Functional ANOVA of a random search: which hyperparameter explains how much of the variance.

Source: Hutter, Hoos, Leyton-Brown, ICML 2014, on scikit-learn's forests. Deviations, each because
it changes the answer:

- Coordinates are the cdf of the law that a hyperparameter was drawn from, so that averages are over
  the search space as it was sampled, logarithmic where the law is.
- Hyperparameters have names, never positions, and declared ranges; those of the data, as in the
  authors' public code, in the settings "paper" and "package" only.
- The fraction per tree (theirs) counts what trees disagree in as interaction; the fraction of
  the mean of all trees errs the other way. Both are reported: they bracket the truth.
- A plain forest makes weak effects smaller. In the accurate setting (see ``forest``) the fraction
  of the mean forest is an estimate to rely on, within .015 at 200 trials with 5 percent of noise.
- The spread over trees is no confidence interval; ``bootstrap`` resamples the trials.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from odyssey.analysis.fanova.boxes import Array, Boxes, encode
from odyssey.analysis.fanova.forest import Rows, Setting, grow
from odyssey.analysis.fanova.hierarchy import hierarchy
from odyssey.analysis.fanova.marginals import marginal, pair_marginal
from odyssey.analysis.fanova.sweep import Closed, mean_variances, tree_variances
from odyssey.study.search import Choice, Law, Value

#: Fewer trials than this give a forest of a few leaves and fractions that mean nothing.
MIN_TRIALS = 10
#: Trees of a resampled forest: a resample adds no more than its share to the interval.
RESAMPLE_TREES = 50


class FunctionalANOVA(BaseEstimator):  # type: ignore[misc]
    """Variance decomposition of y over a search space, by a random forest and exact sums.

    ``space`` maps names to laws; ``trees`` is the size of the forest, ``setting`` its kind,
    "paper", "package" or "accurate". ``totals=False`` leaves out the total effects, which take most
    of the time. ``workers`` threads share the work.

    After ``fit``: ``effects_`` has one row an effect, in the columns kind ("main", "pair", "total",
    "remainder"), factors (tuple of names), fraction and std (mean and standard deviation over the
    trees), mean_forest (fraction of the mean of all trees), and after ``bootstrap`` low and high,
    the interval of mean_forest. ``variance_`` (trees,) and ``mean_variance_`` are the variances
    that the fractions refer to; ``boxes_`` are the leaves, scaled so that the cdf values
    ``bounds_`` (2, d) become 0 and 1: the declared range, or the data's (see ``forest``).
    """

    effects_: pd.DataFrame

    def __init__(
        self,
        space: Mapping[str, Law],
        *,
        trees: int = 100,
        setting: Setting = "accurate",
        totals: bool = True,
        random_state: int | np.random.RandomState | None = None,
        workers: int = 1,
    ) -> None:
        self.space = space
        self.trees = trees
        self.setting = setting
        self.totals = totals
        self.random_state = random_state
        self.workers = workers

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Fit the forest to trials X (n, ≥ d; columns by name) with figures y (n,).

        Raises ValueError for a missing column, a value outside its law's range, fewer than
        ``MIN_TRIALS`` trials, and figures that are not finite or do not vary.
        """
        u, self.y_ = self._unit_cube(X), _checked(np.asarray(y, float), len(X))
        self.bounds_ = self._bounds(u)
        self.u_ = (u - self.bounds_[0]) / (self.bounds_[1] - self.bounds_[0])
        random = check_random_state(self.random_state)
        boxes = self._grow(np.arange(len(X)), self.trees, random)
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
        anova = cls({}, trees=boxes.trees)
        anova.bounds_ = np.tile([[0.0], [1.0]], len(given))
        return anova._decompose(boxes, given)

    def fraction(self, *factors: str, kind: str | None = None) -> pd.Series:
        """Return the row of ``effects_`` of one factor (main) or of two (pair)."""
        kind = kind or ("main", "pair")[len(factors) - 1]
        rows = zip(self.effects_.kind, self.effects_.factors, strict=True)
        match = [(its, set(names)) == (kind, set(factors)) for its, names in rows]
        if not any(match):
            raise KeyError(f"no {kind} effect of {factors}; factors are {self.names_}")
        row: pd.Series = self.effects_[match].iloc[0]
        return row

    def point(self, setting: Mapping[str, Value]) -> Array:
        """Return the place (d,) of a setting in the boxes' unit cube."""
        missing = [name for name in self.names_ if name not in setting]
        if missing:
            raise ValueError(f"a setting needs a value for every factor; {missing} are missing")
        u = [_cdf(name, law, pd.Series([setting[name]])) for name, law in self.space.items()]
        return np.array([self._scaled(n, own)[0] for n, own in zip(self.names_, u, strict=True)])

    def marginal(self, factor: str, at: ArrayLike) -> tuple[Array, Array]:
        """Return mean and standard deviation (ddof 1) over trees of E[f | factor].

        ``at`` holds ascending cdf values.
        """
        curves = marginal(self.boxes_, self._index(factor), self._scaled(factor, at))
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
        rows, columns = map(self._scaled, factors, (at_first, at_second))
        grid = pair_marginal(self.boxes_, i, j, rows, columns)
        if interaction:
            grid -= marginal(self.boxes_, i, rows).mean(axis=0)[:, None]
            grid -= marginal(self.boxes_, j, columns).mean(axis=0) - self.mean_
        return grid

    def bootstrap(self, resamples: int = 200, confidence: float = 0.95) -> Self:
        """Add intervals to ``effects_``: trials are drawn with replacement, forests grown anew.

        ``low`` and ``high`` are percentiles of the resamples' mean_forest, of those that vary.
        """
        random, n = check_random_state(self.random_state), len(self.y_)
        draws: list[Array] = []
        for _ in range(resamples):
            rows = random.randint(0, n, n)
            boxes = self._grow(rows, min(self.trees, RESAMPLE_TREES), random)
            draws.extend(_fractions(mean_variances(boxes, self.totals, self.workers)))
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.quantile(draws, tails, axis=0) if draws else (np.nan, np.nan)
        self.effects_ = self.effects_.assign(low=low, high=high)
        return self

    def _unit_cube(self, X: pd.DataFrame) -> Array:
        if not self.space:
            raise ValueError("the space needs a hyperparameter, it has none that is not fixed")
        missing = [name for name in self.space if name not in X]
        if missing:
            raise ValueError(f"X needs a column for every hyperparameter; {missing} are missing")
        return np.column_stack([_cdf(name, law, X[name]) for name, law in self.space.items()])

    def _bounds(self, u: Array) -> Array:
        """Return the cdf values (2, d) between which a forest's function is averaged."""
        bounds = np.tile([[0.0], [1.0]], u.shape[1])
        if self.setting == "accurate":
            return bounds
        for j, law in enumerate(self.space.values()):
            if not isinstance(law, Choice) and np.ptp(u[:, j]) > 0:
                bounds[:, j] = u[:, j].min(), u[:, j].max()
        return bounds

    def _scaled(self, factor: str, at: ArrayLike) -> Array:
        """Return cdf values in the boxes' coordinates; beyond the bounds the edge goes on."""
        low, high = self.bounds_[:, self._index(factor)]
        scaled: Array = np.clip((np.asarray(at, float) - low) / (high - low), 0, 1)
        return scaled

    def _grow(self, rows: Rows, trees: int, random: np.random.RandomState) -> Boxes:
        levels = [len(law.levels) if isinstance(law, Choice) else 0 for law in self.space.values()]
        columns = encode(self.u_, levels).astype(np.float32)
        return grow(columns, self.y_, rows, levels, trees, self.setting, random, self.workers)

    def _decompose(self, boxes: Boxes, names: list[str]) -> Self:
        self.boxes_, self.names_ = boxes, names
        self.mean_ = float(np.prod(boxes.upper - boxes.lower, axis=1) @ boxes.value / boxes.trees)
        how = boxes, self.totals, self.workers, hierarchy(boxes)
        trees, mean = tree_variances(*how), mean_variances(*how)
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
    if y.shape != (trials,):
        raise ValueError(
            f"y needs one figure per trial: {trials} trials, figures of shape {y.shape}"
        )
    if trials < MIN_TRIALS:
        raise ValueError(f"fANOVA needs at least {MIN_TRIALS} trials, got {trials}")
    if not np.all(np.isfinite(y)):
        raise ValueError(
            "figures must be finite: replace those of diverged trials or leave them out"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"figures must vary, all {trials} are {y[0]:.6g}")
    return y
