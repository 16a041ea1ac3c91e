"""The distance of the boxes of figure 3: mean, median and quartiles of every variant."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from odyssey import paper
from odyssey.analysis.distance.sampling import Array, joined, units_of
from odyssey.analysis.fanova.functional_anova import MIN_TRIALS
from odyssey.analysis.figures.beside import SCOPES, statistics
from odyssey.analysis.findings import finite, number_of_best
from odyssey.analysis.records import Distance
from odyssey.analysis.words import unit_of

#: Statistics of a box that the distance counts.
COUNTED = ("mean", "median", "q1", "q3")
#: Resamples behind the errors and the floor.
RESAMPLES = 1000


def distances_of_boxes(rows: pd.DataFrame, task: str, seed: int) -> Iterator[Distance]:
    """Yield three distances: of all boxes, of the boxes of all trials, of the boxes of the best."""
    unit = unit_of(task)
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
    yield joined(Distance(task, "figure 3", unit=unit, note=note), whole)
    yield joined(Distance(task, "figure 3, all trials", unit=unit), parts["all"])
    yield joined(Distance(task, "figure 3, best tenth", unit=unit), parts["top"])


def _boxes(
    own: pd.DataFrame, task: str, code: str, random: np.random.Generator
) -> dict[str, Array]:
    """Compare a variant's two boxes with the paper's; statistics beyond its axis are left out."""
    test = own.sort_values("valid", kind="stable").test.to_numpy(float)
    # Sorted by validation, the best of a resample are its smallest row numbers.
    ours, theirs = (
        test[np.sort(random.integers(len(test), size=(RESAMPLES, n)), axis=1)]
        for n in (len(test), paper.TRIALS)
    )
    by_scope: dict[str, Array] = {}
    for scope in SCOPES:
        share = paper.TOP if scope == "top" else 1.0
        here, one, two = (_counted(sample, share) for sample in (test, ours, theirs))
        box = paper.boxes(task, scope)[code]
        there = np.array([getattr(box, name) for name in COUNTED], float)  # None becomes NaN
        unit = units_of(two.std(axis=0))
        compared = np.vstack([(here - there) / unit, here - there, (one - two) / unit])
        by_scope[scope] = compared[:, np.isfinite(there)]
    return by_scope


def _counted(test: Array, share: float) -> Array:
    """Return the counted statistics (…, 4) of the best share of trials, sorted by validation."""
    top = number_of_best(test.shape[-1], share)
    values = statistics(test[..., :top])
    return np.stack([values[name] for name in COUNTED], axis=-1)
