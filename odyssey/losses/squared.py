"""Squared error of K numbers for each frame: regression and forecasting."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from odyssey.losses.loss import Loss, Targets

if TYPE_CHECKING:
    from odyssey.losses.loss import Array


class Squared(Loss):
    """½ Σ_tk (a_tk − y_tk)². The figure of merit is the root of the mean squared error."""

    name = "squared"
    targets = Targets(per_frame=True, vectors=True, dtype="float32")
    merit, unit = "RMSE", "units of the targets"

    def value_and_gradient(self, a: "Array", y: "Array") -> tuple[float, "Array"]:
        """Return half the sum of squares and a − y."""
        d = a - y
        return 0.5 * float((d * d).sum()), d

    def errors(self, a: "Array", y: "Array", nats: float) -> float:
        """Return the sum of squared errors."""
        d = a.astype("float64") - y
        return float((d * d).sum())

    def counted(self, y: "Array") -> int:
        """Return the number of targets, K for each frame."""
        return y.size

    def figure(self, errors: float, counted: int) -> float:
        """Return the root of the mean."""
        return float((errors / counted) ** 0.5)

    def trivial_models(self, targets: "Array", outputs: int) -> Mapping[str, "Array"]:
        """Return outputs of 0, and each output's own mean."""
        import numpy as np

        return {"zero": np.zeros(outputs), "mean": targets.mean(axis=0, dtype=np.float64)}

    def draw_targets(self, generator: Any, frames: int, outputs: int) -> "Array":
        """Return numbers from N(0, 1)."""
        numbers: Array = generator.normal(size=(frames, outputs)).astype("float32")
        return numbers

    def check_values(self, y: "Array", outputs: int) -> None:
        """Refuse what is no number, or none that float32 can hold the square of."""
        import numpy as np

        wrong = np.argwhere(~(np.abs(y) < 1e18))
        if len(wrong):
            frame, output = wrong[0]
            raise ValueError(
                f"targets must be finite numbers below 1e18, got {y[frame, output]} at frame "
                f"{frame}, output {output}"
            )
