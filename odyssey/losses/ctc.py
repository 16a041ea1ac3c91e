"""Connectionist temporal classification: labels in order, at frames that nobody knows.

Source: Graves et al., Connectionist temporal classification, ICML 2006; here in logarithms.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from odyssey.losses.loss import Loss, Targets, check_labels

if TYPE_CHECKING:
    from odyssey.losses.loss import Array


class Ctc(Loss):
    """−ln p(y) of K − 1 characters and the blank, which is class K − 1.

    The figure of merit is the edit distance per character of the most probable path.
    """

    name = "ctc"
    targets = Targets(per_frame=False, vectors=False, dtype="int32")
    merit, unit = "character error", "%"

    def value_and_gradient(self, a: "Array", y: "Array") -> tuple[float, "Array"]:
        """Return −ln p(y) and its gradient; inf and NaN for labels that T frames cannot hold."""
        import numpy as np

        log_p = a - np.logaddexp.reduce(a, axis=1, keepdims=True)
        classes = np.full(2 * len(y) + 1, a.shape[1] - 1)
        classes[1::2] = y
        frames = log_p[:, classes]
        alpha = _paths(frames, classes)
        beta = _paths(frames[::-1, ::-1], classes[::-1])[::-1, ::-1]
        log_likelihood = np.logaddexp.reduce(alpha[-1, -2:])
        gradient = np.exp(log_p)
        with np.errstate(invalid="ignore"):
            share = np.exp(alpha + beta - frames - log_likelihood)
        np.subtract.at(gradient.T, classes, share.T)
        return -float(log_likelihood), gradient

    def errors(self, a: "Array", y: "Array", nats: float) -> float:
        """Return 100 for every character to insert, delete or replace."""
        from rapidfuzz.distance import Levenshtein

        return 100.0 * Levenshtein.distance(best_path(a), y.tolist())

    def trivial_models(self, targets: "Array", outputs: int) -> Mapping[str, "Array"]:
        """Return the model that writes nothing."""
        import numpy as np

        return {"blank only": np.eye(outputs)[-1]}

    def draw_targets(self, generator: Any, frames: int, outputs: int) -> "Array":
        """Return a random character for every fourth frame."""
        labels: Array = generator.integers(0, outputs - 1, frames // 4)
        return labels

    def worst(self, outputs: int) -> float:
        """Return the error of a net that writes nothing."""
        return 100.0

    def outputs(self, labels: int) -> int:
        """Return one more: the blank."""
        return labels + 1

    def check_values(self, y: "Array", outputs: int) -> None:
        """Refuse what is no character."""
        check_labels(y, outputs - 1)

    def refusal(self, y: "Array", frames: int) -> str:
        """Return how many frames are missing for the labels."""
        needed = frames_needed(y.tolist())
        return f"CTC needs {needed} points for its text, it has {frames}" if needed > frames else ""


def frames_needed(labels: Iterable[int]) -> int:
    """Return how many frames CTC needs for some labels: a blank must part equal neighbours."""
    row = list(labels)
    return len(row) + sum(first == second for first, second in pairwise(row))


def best_path(activations: "Array") -> list[int]:
    """Return the labels of the most probable path, (T, K) → at most T of 0..K−2.

    The best class of every frame, repeats joined, then blanks (class K − 1) removed.
    """
    path = activations.argmax(axis=1)
    kept = path != activations.shape[1] - 1
    kept[1:] &= path[1:] != path[:-1]
    labels: list[int] = path[kept].tolist()
    return labels


def _paths(frames: "Array", classes: "Array") -> "Array":
    """Return the log probability of all ways to be in each state after each frame, (T, states)."""
    import numpy as np

    skips = np.zeros(len(classes), dtype=bool)
    skips[3::2] = classes[3::2] != classes[1:-2:2]
    alpha = np.full_like(frames, -np.inf)
    alpha[0, :2] = frames[0, :2]
    for t in range(1, len(frames)):
        before = alpha[t - 1]
        stay_or_step = np.logaddexp(before, np.r_[-np.inf, before[:-1]])
        jump = np.where(skips, np.r_[-np.inf, -np.inf, before[:-2]][: len(before)], -np.inf)
        alpha[t] = frames[t] + np.logaddexp(stay_or_step, jump)
    return alpha
