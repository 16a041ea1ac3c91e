"""Cross-entropy of K sigmoid outputs with a vector of 0 and 1 for each frame."""

from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Any

from odyssey.losses.loss import Loss, Targets

if TYPE_CHECKING:
    from odyssey.losses.loss import Array


class Bernoulli(Loss):
    """Σ_tk ln(1 + e^a_tk) − y_tk a_tk. The figure of merit is the loss per frame."""

    name = "bernoulli"
    targets = Targets(per_frame=True, vectors=True, dtype="uint8")
    merit, unit = "negative log-likelihood", "nats per frame"
    needs_nats = True

    def value_and_gradient(self, a: "Array", y: "Array") -> tuple[float, "Array"]:
        """Return the cross-entropy and σ(a) − y."""
        import numpy as np

        return float((np.logaddexp(0, a) - y * a).sum()), 0.5 * (1 + np.tanh(0.5 * a)) - y

    def errors(self, a: "Array", y: "Array", nats: float) -> float:
        """Return the loss."""
        return nats

    def trivial_models(self, targets: "Array", outputs: int) -> Mapping[str, "Array"]:
        """Return outputs of 1/2, and each output's own frequency.

        Half a count is added to both outcomes, so that one never seen stays possible.
        """
        import numpy as np

        p = (targets.sum(axis=0, dtype=np.float64) + 0.5) / (len(targets) + 1.0)
        return {"uniform": np.zeros(outputs), "per-pitch Bernoulli": np.log(p / (1 - p))}

    def draw_targets(self, generator: Any, frames: int, outputs: int) -> "Array":
        """Return random bits."""
        bits: Array = generator.integers(0, 2, (frames, outputs)).astype("uint8")
        return bits

    def worst(self, outputs: int) -> float:
        """Return the figure of outputs that are all 1/2."""
        return outputs * log(2)

    def check_values(self, y: "Array", outputs: int) -> None:
        """Refuse what is neither 0 nor 1."""
        import numpy as np

        wrong = np.argwhere((y != 0) & (y != 1))
        if len(wrong):
            frame, output = wrong[0]
            raise ValueError(
                f"targets must be 0 or 1, got {y[frame, output]} at frame {frame}, output {output}"
            )
