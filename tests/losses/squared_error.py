"""A loss of one's own, as an extension holds it: NumPy alone, no engine knows it."""

import numpy as np

from odyssey.losses import Loss, Targets, register


class SquaredError(Loss):
    """½ Σ (a − y)²; the figure of merit is the root of the mean squared error."""

    name = "half_squares"
    targets = Targets(per_frame=True, vectors=True, dtype="float32")
    merit, unit = "RMSE", "units of the targets"

    def value_and_gradient(self, a, y):
        d = a - y
        return 0.5 * float((d * d).sum()), d

    def errors(self, a, y, nats):
        return float(((a - y) ** 2).sum())

    def counted(self, y):
        return y.size

    def figure(self, errors, counted):
        return float(np.sqrt(errors / counted))

    def trivial_models(self, targets, outputs):
        return {"mean": targets.mean(axis=0, dtype=np.float64)}

    def draw_targets(self, generator, frames, outputs):
        return generator.normal(size=(frames, outputs)).astype(np.float32)

    def check_values(self, y, outputs):
        if not np.isfinite(y).all():
            raise ValueError("targets must be finite")


SQUARED = register(SquaredError())
