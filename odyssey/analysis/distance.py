"""How far a table of trials is from the paper's figures 3, 4 and 5, and how far chance alone is.

Every part of a figure gets one number, beside it the floor: what two independent samples of the
same search would give, one as large as ours and one of the paper's 200 trials.

- Figure 3: mean absolute difference of mean, median and quartiles over the boxes, in units of
  their bootstrap standard error at 200 trials. The floor is between two bootstrap resamples. The
  ends of the whiskers are left out: a bootstrap says nothing of extremes.
- Figure 4: root mean square between our curve and the paper's over its 100 points, in units of the
  paper's band over trees, averaged over the three hyperparameters. Times are compared as
  logarithms with their mean taken off, since machines differ. The floor is between forests on two
  halves of our trials, scaled to the size of the samples.
- Figure 5: mean absolute difference of the shares in units of their standard error, which comes
  from the same halves.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from odyssey import paper
from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.functional_anova import MIN_TRIALS, FunctionalANOVA
from odyssey.analysis.figures.beside import SCOPES, statistics
from odyssey.analysis.findings import REFERENCE, finite, require
from odyssey.study.search import Choice, Law
from odyssey.tasks import TASKS

#: Statistics of a box that the distance counts.
COUNTED = ("mean", "median", "q1", "q3")
#: Resamples behind the errors and the floor of figure 3, halvings behind those of 4 and 5.
RESAMPLES, HALVINGS = 1000, 20
#: No unit is less than this share of the largest of its kind: some quartiles hardly vary.
LEAST_UNIT = 0.1
#: Switches that the paper sampled on TIMIT only; other tasks have no such column.
SAMPLED = ("nesterov", "clip")


@dataclass(frozen=True)
class Distance:
    """How far one part of a figure is from the paper's.

    ``distance`` is in the part's own unit (see above), and so are ``floor``, the mean of what
    chance alone gives, and ``most``, its 95 percent quantile. ``plain`` is the same difference in
    ``unit``. Where nothing can be compared they are None, and ``note`` says why.
    """

    task: str
    part: str
    distance: float | None = None
    floor: float | None = None
    most: float | None = None
    plain: float | None = None
    unit: str = ""
    note: str = ""


def distance(trials: pd.DataFrame, seed: int = 0, halvings: int = HALVINGS) -> list[Distance]:
    """Return the distances of every task in a table of trials, in the order of the figures.

    ``trials`` needs the columns task, variant, valid, test, seconds, status and the
    hyperparameters; ValueError names what is missing. ``seed`` is that of the resamples.
    """
    numbers = ("valid", "test", "seconds", *paper.SPACE)
    require(trials, numbers, ("task", "variant", "status"))
    found = []
    for task in TASKS:
        rows = trials[trials.task == task]
        if len(rows):
            found += [*_figure3(rows, task, seed), *_figures4_and_5(rows, task, seed, halvings)]
    if not found:
        raise ValueError(f"a table of trials needs trials of {', '.join(TASKS)}, got none")
    return found


# Figure 3.


def _figure3(rows: pd.DataFrame, task: str, seed: int) -> Iterator[Distance]:
    """Yield the distance of all boxes, of those of all trials, of those of the best."""
    unit = TASKS[task].unit
    searches = {code: finite(rows[rows.variant == code]) for code in paper.ORDER}
    searches = {code: own for code, own in searches.items() if len(own) >= MIN_TRIALS}
    if not searches:
        note = f"no variant of the paper has {MIN_TRIALS} trials"
        yield Distance(task, "figure 3", unit=unit, note=note)
        return
    random = np.random.default_rng(seed)
    parts: dict[str, list[Array]] = {"all": [], "top": []}
    for code, own in searches.items():
        for scope, compared in _boxes(own, task, code, random).items():
            parts[scope].append(compared)
    whole = [compared for part in parts.values() for compared in part]
    lacking = [code for code in paper.ORDER if code not in searches]
    note = f"without {', '.join(lacking)}" if lacking else ""
    yield _joined(Distance(task, "figure 3", unit=unit, note=note), whole)
    yield _joined(Distance(task, "figure 3, all trials", unit=unit), parts["all"])
    yield _joined(Distance(task, "figure 3, best tenth", unit=unit), parts["top"])


def _joined(row: Distance, compared: list[Array]) -> Distance:
    """Return a row of figures that were compared: (2 + resamples, figures) each.

    Their rows are differences in the unit of the distance, the same plainly, and by chance.
    """
    table = np.abs(np.hstack(compared))
    chance = table[2:].mean(axis=1)
    return replace(
        row,
        distance=float(table[0].mean()),
        plain=float(table[1].mean()),
        floor=float(chance.mean()),
        most=float(np.quantile(chance, 0.95)),
    )


def _boxes(
    own: pd.DataFrame, task: str, code: str, random: np.random.Generator
) -> dict[str, Array]:
    """Compare a variant's two boxes with the paper's; statistics that are off its axis are out."""
    test = own.sort_values("valid", kind="stable").test.to_numpy(float)
    # Sorted by validation, the best of a resample are its smallest row numbers.
    ours, theirs = (
        test[np.sort(random.integers(len(test), size=(RESAMPLES, n)), axis=1)]
        for n in (len(test), paper.TRIALS)
    )
    found: dict[str, Array] = {}
    for scope in SCOPES:
        share = paper.TOP if scope == "top" else 1.0
        here, one, two = (_counted(sample, share) for sample in (test, ours, theirs))
        box = paper.boxes(task, scope)[code]
        there = np.array([getattr(box, name) for name in COUNTED], float)  # None becomes NaN
        unit = _units(two.std(axis=0))
        compared = np.vstack([(here - there) / unit, here - there, (one - two) / unit])
        found[scope] = compared[:, np.isfinite(there)]
    return found


def _counted(test: Array, share: float) -> Array:
    """Return the counted statistics (…, 4) of the best share of trials, sorted by validation."""
    top = math.ceil(share * test.shape[-1] - 1e-9)
    found = statistics(test[..., :top])
    return np.stack([found[name] for name in COUNTED], axis=-1)


def _units(errors: Array) -> Array:
    """Return errors, none less than a share of the largest; 1 where nothing varies."""
    largest = errors.max()
    units: Array = np.maximum(errors, LEAST_UNIT * largest) if largest > 0 else np.ones_like(errors)
    return units


# Figures 4 and 5.


@dataclass(frozen=True)
class _Forest:
    """What figures 4 and 5 show of one sample: curves by hyperparameter (points,), shares (5,)."""

    error: Mapping[str, Array]
    time: Mapping[str, Array]
    shares: Array


def _figures4_and_5(rows: pd.DataFrame, task: str, seed: int, halvings: int) -> Iterator[Distance]:
    names = ("figure 4, error", "figure 4, time", "figure 5")
    units = (TASKS[task].unit, "of the logarithm", "percentage points")
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
    unit = _units(np.sqrt(np.mean(drawn**2, axis=0) / (1 + paper.TRIALS / len(own))))
    difference = whole.shares - theirs
    yield _joined(empty[2], [np.vstack([difference / unit, 100 * difference, drawn / unit])])


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
    return _joined(row, compared)


def _papers(task: str, name: str, time: bool) -> tuple[Array, Array]:
    """Return the paper's curve and band, of the time as logarithm with its mean taken off."""
    there = paper.curves(task, name)
    if not time:
        return np.array(there.error), np.array(there.error_std)
    hours = np.array(there.hours)
    return _centred(np.log(hours)), np.array(there.hours_std) / hours


def _forests(
    own: pd.DataFrame, task: str, seed: int, halvings: int
) -> tuple[_Forest, list[tuple[_Forest, _Forest]]]:
    """Return what the forest of all trials shows, and those of both halves of each halving.

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
    """Return the cdf values of the points of a curve of figure 4; the drawing misses by .0001."""
    law = paper.SPACE[name]
    low, high = law.quantile(0), law.quantile(1)
    return [law.cdf(min(max(value, low), high)) for value in paper.curves(task, name).at]


def _space(rows: pd.DataFrame) -> dict[str, Law]:
    """Return the paper's search space, with the switches that were sampled on TIMIT."""
    more = [name for name in SAMPLED if name in rows and rows[name].notna().all()]
    return {**paper.SPACE, **{name: Choice((True, False)) for name in more}}


def _centred(curve: Array) -> Array:
    centred: Array = curve - curve.mean()
    return centred


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
