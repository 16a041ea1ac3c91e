"""Cross-entropy of K classes, one label for each frame."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from odyssey.losses.loss import Loss, Targets, check_labels

if TYPE_CHECKING:
    from odyssey.losses.loss import Array


class Softmax(Loss):
    """−Σ_t ln softmax(a_t)[y_t]. The figure of merit is the share of wrong frames."""

    name = "softmax"
    targets = Targets(per_frame=True, vectors=False, dtype="int32")
    merit, unit = "frame error", "%"

    def value_and_gradient(self, a: "Array", y: "Array") -> tuple[float, "Array"]:
        """Return the cross-entropy and softmax(a) − one-hot(y)."""
        import numpy as np

        log_p = a - np.logaddexp.reduce(a, axis=1, keepdims=True)
        frames, gradient = np.arange(len(a)), np.exp(log_p)
        gradient[frames, y] -= 1
        return -float(log_p[frames, y].sum()), gradient

    def errors(self, a: "Array", y: "Array", nats: float) -> float:
        """Return 100 for every frame whose most probable class is another one."""
        return 100.0 * int((a.argmax(axis=1) != y).sum())

    def trivial_models(self, targets: "Array", outputs: int) -> Mapping[str, "Array"]:
        """Return the model that always gives the class that is most frequent."""
        import numpy as np

        counts = np.bincount(targets, minlength=outputs)
        return {"majority class": counts.astype(np.float64)}

    def draw_targets(self, generator: Any, frames: int, outputs: int) -> "Array":
        """Return a random class for each frame."""
        labels: Array = generator.integers(0, outputs, frames)
        return labels

    def worst(self, outputs: int) -> float:
        """Return the error of a net that is always wrong."""
        return 100.0

    def check_values(self, y: "Array", outputs: int) -> None:
        """Refuse what is no class."""
        check_labels(y, outputs)
