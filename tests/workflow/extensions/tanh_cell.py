"""A cell of one's own: the plain recurrent network y_t = tanh(W x_t + R y_{t−1} + b)."""

from dataclasses import dataclass
from typing import ClassVar

from odyssey.networks.cells import register


@dataclass(frozen=True)
class Tanh:
    code: str = "TANH"
    name: str = "plain recurrent network"
    blocks: ClassVar = ("y",)
    state: ClassVar = ("y",)

    def parameter_shapes(self, inputs, hidden):
        return {"W": (hidden, inputs), "R": (hidden, hidden), "b": (hidden,)}

    def step(self, ops, a, state, p):
        y = ops.tanh(a + ops.product(state[0], p["R"], 1))
        return y, [y]


register(Tanh())
