"""Figures of merit, lower is better, and what trivial models reach.

Source: Greff et al., section IV-B. Frame error and character error are in percent, the negative
log-likelihood in nats per predicted frame. ASSUME: of the T frames of a chorale T − 1 are
predicted, and the sum over all chorales is divided by their number, as later papers do. The paper's
figures are .984 to .99 of ours: divided by all T, vanilla's 200 trials come to the edge of chance,
by no other reading; docs/reproduction-jsb.md has all of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.losses import get_loss
from odyssey.storage.datasets import Split
from odyssey.tasks import Task

Array = NDArray[Any]


class FigureOfMerit:
    """A task's figure of merit over a set, one sequence after the other."""

    def __init__(self, task: Task) -> None:
        self._loss = get_loss(task.loss)
        self._total = 0.0
        self._count = 0

    def add(self, loss: float, activations: Array, y: Array) -> None:
        """Count one sequence: its loss in nats, its outputs (T, K) before softmax, its targets.

        Outputs that are not finite have no best class: they make the figure nan.
        """
        if not np.isfinite(activations).all():
            self._total = np.nan
        self._total += self._loss.errors(activations, y, loss)
        self._count += self._loss.counted(y)

    def value(self) -> float:
        """Return the figure in the task's unit; ValueError before the first target."""
        if not self._count:
            raise ValueError("a figure of merit needs at least one target: no sequence was added")
        return self._loss.figure(self._total, self._count)


def baselines(task: Task, train: Split, test: Split) -> Mapping[str, float]:
    """Return trivial model → its figure of merit on the test set."""
    models = get_loss(task.loss).trivial_models(train.targets, task.outputs)
    return {name: constant_merit(task, outputs, test) for name, outputs in models.items()}


def constant_merit(task: Task, activations: Array, test: Split) -> float:
    """Return the figure of merit of the same activations (K,) at every frame of a set."""
    merit, loss = FigureOfMerit(task), get_loss(task.loss)
    for x, y in test:
        a = np.broadcast_to(activations, (len(x), task.outputs))
        merit.add(loss.value_and_gradient(a, y)[0] if loss.needs_nats else np.nan, a, y)
    return merit.value()
