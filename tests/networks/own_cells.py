"""A cell of one's own, as an extension holds it: shapes and one step, no engine knows it."""

from dataclasses import dataclass
from typing import ClassVar

from odyssey.networks.cells import register


@dataclass(frozen=True)
class LeakyNetwork:
    """y_t = y_{t−1} + k ⊙ (tanh(W x_t + R y_{t−1} + b) − y_{t−1}), with a rate k for each unit."""

    code: str = "LEAKY"
    name: str = "leaky tanh network"
    blocks: ClassVar = ("y",)
    state: ClassVar = ("y",)

    def parameter_shapes(self, inputs, hidden):
        return {"W": (hidden, inputs), "R": (hidden, hidden), "b": (hidden,), "k": (hidden,)}

    def step(self, ops, a, state, p):
        (y,) = state
        y = y + ops.times(ops.tanh(a + ops.product(y, p["R"], 1)) - y, p["k"])
        return y, [y]


LEAKY = register(LeakyNetwork())
