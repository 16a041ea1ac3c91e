"""More questions to the same boxes: what matters at one setting, and the way there from another.

Sources: local importance: Biedenkapp, Marben, Lindauer, Hutter, "CAVE", LION 2018; ablation:
Fawcett and Hoos, "Analysing differences between algorithm configurations through ablation", 2016,
here on the forest, as in Biedenkapp et al., AAAI 2017. Sums over boxes, exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.fanova.boxes import Array, Boxes
from odyssey.analysis.fanova.functional_anova import FunctionalANOVA
from odyssey.study.search import Value


@dataclass(frozen=True)
class Step:
    """A step of an ablation path: the factor that was set last, and the forest's value there."""

    factor: str
    value: float


def capped(y: Array, top: float) -> Array:
    """Return the figures with all beyond the best share ``top`` in (0, 1] set to its worst.

    Lower is better. What is left varies among good settings only; the others are one plateau.
    """
    if not 0 < top <= 1:
        raise ValueError(f"the best share must be above 0 and at most 1, got {top}")
    return np.minimum(y, np.quantile(y, top, method="higher"))


def value_at(boxes: Boxes, point: Array) -> float:
    """Return the mean over trees of the function's value at a point (d,) of the unit cube."""
    return float(boxes.value[_holds(boxes, point).all(axis=1)].sum() / boxes.trees)


def along(boxes: Boxes, point: Array, factor: int) -> tuple[Array, Array]:
    """Return widths and values of the mean function's steps along one factor through a point."""
    others = np.delete(_holds(boxes, point), factor, axis=1).all(axis=1)
    low, high = boxes.lower[others, factor], boxes.upper[others, factor]
    edges, place = np.unique(np.concatenate([low, high]), return_inverse=True)
    step = np.zeros(len(edges))
    np.add.at(step, place[: len(low)], boxes.value[others] / boxes.trees)
    np.add.at(step, place[len(low) :], -boxes.value[others] / boxes.trees)
    return np.diff(edges), np.cumsum(step)[:-1]


def local_importance(anova: FunctionalANOVA, at: Mapping[str, Value]) -> dict[str, float]:
    """Return each factor's share of the variances along one factor at a time through a setting.

    The others stay as they are there. All are 0 where the forest is flat along every factor.
    """
    point = anova.point(at)
    found = {}
    for j, name in enumerate(anova.names_):
        width, value = along(anova.boxes_, point, j)
        found[name] = float(width @ (value - width @ value) ** 2)
    whole = sum(found.values())
    return {name: variance / whole if whole else 0.0 for name, variance in found.items()}


def ablation(
    anova: FunctionalANOVA, start: Mapping[str, Value], end: Mapping[str, Value]
) -> list[Step]:
    """Return the path from one setting to another: ever the factor next that lowers most.

    The first step has no factor; it is the forest's value at the start.
    """
    point, goal = anova.point(start), anova.point(end)
    path = [Step("", value_at(anova.boxes_, point))]
    left: list[int] = [j for j in range(len(point)) if point[j] != goal[j]]
    while left:
        value, j = min((value_at(anova.boxes_, _with(point, goal, j)), j) for j in left)
        point = _with(point, goal, j)
        path.append(Step(anova.names_[j], value))
        left.remove(j)
    return path


def _with(point: Array, goal: Array, j: int) -> Array:
    moved = point.copy()
    moved[j] = goal[j]
    return moved


def _holds(boxes: Boxes, point: Array) -> NDArray[np.bool_]:
    """Return whether each box's interval holds the point's coordinate, (L, d)."""
    above = (boxes.lower < point) | (boxes.lower <= 0)
    inside: NDArray[np.bool_] = above & (point <= boxes.upper)
    return inside
