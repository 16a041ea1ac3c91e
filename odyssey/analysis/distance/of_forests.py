"""The distance of figures 4 and 5: curves and shares of vanilla's forests.

The floor comes from forests on halves of our trials.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from odyssey import paper
from odyssey.analysis.distance.sampling import Array, joined, units_of
from odyssey.analysis.fanova.functional_anova import MIN_TRIALS, FunctionalANOVA
from odyssey.analysis.findings import REFERENCE, finite
from odyssey.analysis.records import Distance
from odyssey.analysis.words import unit_of
from odyssey.study.search import Choice, Law

#: Halvings behind the errors and the floor.
HALVINGS = 20


@dataclass(frozen=True)
class _Forest:
    """Figures 4 and 5 of one sample: curves by hyperparameter (points,), shares (5,)."""

    error: Mapping[str, Array]
    time: Mapping[str, Array]
    shares: Array


def distances_of_forests(
    rows: pd.DataFrame, task: str, seed: int, halvings: int
) -> Iterator[Distance]:
    """Yield the distances of the curves of error and time, and of the shares."""
    names = ("figure 4, error", "figure 4, time", "figure 5")
    units = (unit_of(task), "of the logarithm", "percentage points")
    empty = [Distance(task, name, unit=unit) for name, unit in zip(names, units, strict=True)]
    own = finite(rows[rows.variant == REFERENCE])
    try:
        whole, halves = _forests(own, task, seed, halvings)
    except ValueError as error:
        yield from (replace(row, note=f"{REFERENCE}: {error}") for row in empty)
        return
    # Halves of n trials differ as samples of n / 2 do; samples of n and of 200 differ less.
    scale = math.sqrt((1 + len(own) / paper.TRIALS) / 4)
    yield _curves(empty[0], whole.error, [(a.error, b.error) for a, b in halves], scale)
    yield _curves(empty[1], whole.time, [(a.time, b.time) for a, b in halves], scale)
    theirs = np.array(list(paper.shares(task).values()))
    drawn = scale * np.array([a.shares - b.shares for a, b in halves])
    unit = units_of(np.sqrt(np.mean(drawn**2, axis=0) / (1 + paper.TRIALS / len(own))))
    difference = whole.shares - theirs
    yield joined(empty[2], [np.vstack([difference / unit, 100 * difference, drawn / unit])])


def _curves(
    row: Distance,
    ours: Mapping[str, Array],
    halves: Iterable[tuple[Mapping[str, Array], Mapping[str, Array]]],
    scale: float,
) -> Distance:
    """Compare curves with the paper's, in units of its band over the trees."""
    pairs, compared = list(halves), []
    for name in paper.CURVED:
        theirs, band = _papers(row.task, name, time=row.part.endswith("time"))
        plain = _rms(ours[name] - theirs)
        chance = [scale * _rms(one[name] - two[name]) for one, two in pairs]
        compared.append(
            np.array([[plain / _rms(band)], [plain], *([x / _rms(band)] for x in chance)])
        )
    return joined(row, compared)


def _papers(task: str, name: str, time: bool) -> tuple[Array, Array]:
    """Return the paper's curve and band, the time as logarithm minus its mean."""
    there = paper.curves(task, name)
    if not time:
        return np.array(there.error), np.array(there.error_std)
    hours = np.array(there.hours)
    return _centred(np.log(hours)), np.array(there.hours_std) / hours


def _forests(
    own: pd.DataFrame, task: str, seed: int, halvings: int
) -> tuple[_Forest, list[tuple[_Forest, _Forest]]]:
    """Return the results of the forest of all trials, and of both halves of each halving.

    ValueError where there are too few trials or they are not of the paper's search space.
    """
    if len(own) < 2 * MIN_TRIALS:
        raise ValueError(f"curves and shares need at least {2 * MIN_TRIALS} trials, got {len(own)}")
    random, halves = np.random.default_rng(seed), []
    for _ in range(halvings):
        one, two = (own.take(part) for part in np.array_split(random.permutation(len(own)), 2))
        halves.append((_forest(one, task, seed), _forest(two, task, seed)))
    return _forest(own, task, seed), halves


def _forest(rows: pd.DataFrame, task: str, seed: int) -> _Forest:
    space = _space(rows)
    anova, time = (
        FunctionalANOVA(space, setting="paper", totals=False, random_state=seed) for _ in range(2)
    )
    anova.fit(rows, rows.test)
    done = rows[rows.status == "finished"]
    time.fit(done, np.log(done.seconds))
    mains = [anova.fraction(name)["fraction"] for name in paper.FACTORS]
    at = {name: points_of(task, name) for name in paper.CURVED}
    return _Forest(
        {name: anova.marginal(name, points)[0] for name, points in at.items()},
        {name: _centred(time.marginal(name, points)[0]) for name, points in at.items()},
        np.array([*mains, 1 - sum(mains)]),
    )


def points_of(task: str, name: str) -> list[float]:
    """Return the cdf values of the points of a curve of figure 4, which are off by up to .0001."""
    law = paper.SPACE[name]
    low, high = law.quantile(0), law.quantile(1)
    return [law.cdf(min(max(value, low), high)) for value in paper.curves(task, name).at]


def _space(rows: pd.DataFrame) -> dict[str, Law]:
    """Return the paper's search space, with the switches that were sampled on TIMIT."""
    more = [name for name in paper.SAMPLED if name in rows and rows[name].notna().all()]
    return {**paper.SPACE, **{name: Choice((True, False)) for name in more}}


def _centred(curve: Array) -> Array:
    centred: Array = curve - curve.mean()
    return centred


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
