"""The boxes of figure 3 of the paper beside ours."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from odyssey import paper
from odyssey.analysis.findings import best, finite
from odyssey.analysis.words import in_order

Array = NDArray[np.float64]
#: All trials, and the best tenth by validation.
SCOPES: tuple[paper.Scope, ...] = ("all", "top")


def statistics(test: Array) -> dict[str, Array]:
    """Return the statistics of boxes, by the names of ``paper.Box``; trials along the last axis."""
    low, q1, median, q3, high = np.quantile(test, [0, 0.25, 0.5, 0.75, 1], axis=-1)
    mean = np.mean(test, axis=-1)
    return {"mean": mean, "median": median, "q1": q1, "q3": q3, "low": low, "high": high}


@dataclass(frozen=True)
class Beside:
    """A box of figure 3 and ours: statistics by the names of ``paper.Box``, and parameters."""

    task: str
    scope: paper.Scope
    variant: str
    ours: Mapping[str, float]
    paper: paper.Box


def boxes_beside(trials: pd.DataFrame, top: float = paper.TOP) -> list[Beside]:
    """Return all boxes of figure 3 that a table of trials has too.

    ``top`` is the share of our trials that counts as the best.
    """
    both = []
    for task, scope in itertools.product(in_order(set(trials.task)), SCOPES):
        rows = finite(trials[trials.task == task])
        for code, box in paper.boxes(task, scope).items():
            own = best(rows[rows.variant == code], top if scope == "top" else 1.0)
            if len(own):
                ours = {k: float(v) for k, v in statistics(own.test.to_numpy(float)).items()}
                ours["parameters"] = float(own.parameters.mean())
                both.append(Beside(task, scope, code, ours, box))
    return both
