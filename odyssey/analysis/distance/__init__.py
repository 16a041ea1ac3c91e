"""The distance of a table of trials to the paper's figures 3, 4 and 5, and what chance alone gives.

Every part of a figure gets two numbers: its distance, and the floor. The floor is the expected
distance between two independent samples of one search, one as large as ours and one of the paper's
200 trials.

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

from collections.abc import Sequence

import pandas as pd

from odyssey import paper
from odyssey.analysis.distance.of_boxes import distances_of_boxes
from odyssey.analysis.distance.of_forests import HALVINGS, distances_of_forests
from odyssey.analysis.findings import require
from odyssey.analysis.records import Distance

__all__ = ["distance"]


def distance(trials: pd.DataFrame, seed: int = 0, halvings: int = HALVINGS) -> Sequence[Distance]:
    """Return the distances of the paper's tasks in a table of trials, in the order of the figures.

    ``trials`` needs the columns task, variant, valid, test, seconds, status and the
    hyperparameters; ValueError names what is missing. ``seed`` is that of the resamples, tasks that
    are none of the paper's are left out.
    """
    numbers = ("valid", "test", "seconds", *paper.SPACE)
    require(trials, numbers, ("task", "variant", "status"))
    distances: list[Distance] = []
    for task in paper.TASKS:
        rows = trials[trials.task == task]
        if len(rows):
            distances += distances_of_boxes(rows, task, seed)
            distances += distances_of_forests(rows, task, seed, halvings)
    if not distances:
        raise ValueError(f"a table of trials needs trials of {', '.join(paper.TASKS)}, got none")
    return distances
