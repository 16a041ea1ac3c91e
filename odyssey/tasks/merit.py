"""Figures of merit, lower is better, and what trivial models reach.

Source: Greff et al., section IV-B. Frame error and character error are in percent, the negative
log-likelihood in nats per predicted frame. ASSUME: of the T frames of a chorale T − 1 are
predicted, and the sum over all chorales is divided by their number. The paper's figures are .984 to
.99 of ours, as if it divided by a larger one; which is open, see docs/reproduction-jsb.md.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from odyssey.storage.datasets import Split
from odyssey.tasks import Task

Array = NDArray[Any]


def best_path(activations: Array) -> list[int]:
    """Return the labels of the most probable CTC path, (T, K) → at most T of 0..K−2.

    The best class of every frame, repeats joined, then blanks (class K − 1) removed.
    """
    path = activations.argmax(axis=1)
    first = np.concatenate([[True], path[1:] != path[:-1]])[: len(path)]
    labels: list[int] = path[first & (path != activations.shape[1] - 1)].tolist()
    return labels


class FigureOfMerit:
    """A task's figure of merit over a set, one sequence after the other."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._total = 0.0
        self._count = 0

    def add(self, loss: float, activations: Array, y: Array) -> None:
        """Count one sequence: its loss in nats, its outputs (T, K) before softmax, its targets.

        Outputs that are not finite have no best class: they make the figure nan.
        """
        if not np.isfinite(activations).all():
            self._total = np.nan
        if self._task.loss == "softmax":
            self._total += 100.0 * int((activations.argmax(axis=1) != y).sum())
        elif self._task.loss == "ctc":
            self._total += 100.0 * Levenshtein.distance(best_path(activations), y.tolist())
        else:
            self._total += loss
        self._count += len(y)

    def value(self) -> float:
        """Return the figure in the task's unit; ValueError before the first target."""
        if not self._count:
            raise ValueError("a figure of merit needs at least one target: no sequence was added")
        return self._total / self._count


def baselines(task: Task, train: Split, test: Split) -> Mapping[str, float]:
    """Return trivial model → its figure of merit on the test set."""
    return {
        name: _constant_merit(task, activations, test)
        for name, activations in _constant_models(task, train).items()
    }


def _constant_models(task: Task, train: Split) -> dict[str, Array]:
    """Return model → the outputs (K,) that it gives at every frame."""
    if task.loss == "softmax":
        counts = np.bincount(train.targets, minlength=task.outputs)
        return {"majority class": counts.astype(np.float64)}
    if task.loss == "ctc":
        return {"blank only": np.eye(task.outputs)[-1]}
    # Half a count is added to both outcomes, so that an unseen pitch stays possible.
    p = (train.targets.sum(axis=0, dtype=np.float64) + 0.5) / (len(train.targets) + 1.0)
    return {"uniform": np.zeros(task.outputs), "per-pitch Bernoulli": np.log(p / (1 - p))}


def _constant_merit(task: Task, activations: Array, test: Split) -> float:
    merit = FigureOfMerit(task)
    for x, y in test:
        loss = 0.0
        if task.loss == "bernoulli":
            loss = float((np.logaddexp(0, activations) - y * activations).sum())
        merit.add(loss, np.broadcast_to(activations, (len(x), task.outputs)), y)
    return merit.value()
