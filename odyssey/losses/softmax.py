"""Cross-entropy of K classes, one label for each frame; −1 where a frame does not count."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from odyssey.losses.loss import Loss, Targets, check_labels

if TYPE_CHECKING:
    from odyssey.losses.loss import Array


class Softmax(Loss):
    """−Σ_t ln softmax(a_t)[y_t] over the frames whose label is not −1.

    The figure of merit is the share of wrong frames among them. A sequence with one label, at its
    last frame, is thus classified as a whole.
    """

    name = "softmax"
    targets = Targets(per_frame=True, vectors=False, dtype="int32")
    merit, unit = "frame error", "%"

    def value_and_gradient(self, a: "Array", y: "Array") -> tuple[float, "Array"]:
        """Return the cross-entropy and softmax(a) − one-hot(y), 0 at frames that do not count."""
        import numpy as np

        log_p = a - np.logaddexp.reduce(a, axis=1, keepdims=True)
        frames, gradient = np.flatnonzero(y >= 0), np.exp(log_p)
        gradient[frames, y[frames]] -= 1
        gradient[y < 0] = 0
        return -float(log_p[frames, y[frames]].sum()), gradient

    def errors(self, a: "Array", y: "Array", nats: float) -> float:
        """Return 100 for every frame whose most probable class is another one."""
        import numpy as np

        return 100.0 * np.count_nonzero((a.argmax(axis=1) != y) & (y >= 0))

    def counted(self, y: "Array") -> int:
        """Return the number of frames that have a label."""
        import numpy as np

        return np.count_nonzero(y >= 0)

    def trivial_models(self, targets: "Array", outputs: int) -> Mapping[str, "Array"]:
        """Return the model that always gives the class that is most frequent."""
        import numpy as np

        counts = np.bincount(targets[targets >= 0], minlength=outputs)
        return {"majority class": counts.astype(np.float64)}

    def draw_targets(self, generator: Any, frames: int, outputs: int) -> "Array":
        """Return a random class for each frame."""
        labels: Array = generator.integers(0, outputs, frames)
        return labels

    def worst(self, outputs: int) -> float:
        """Return the error of a net that is always wrong."""
        return 100.0

    def check_values(self, y: "Array", outputs: int) -> None:
        """Refuse what is neither a class nor −1."""
        check_labels(y, outputs, gaps=True)
