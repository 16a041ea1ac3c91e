"""Cells of one's own, as an extension holds them: shapes and one step, no engine knows them."""

from dataclasses import dataclass
from typing import ClassVar

from odyssey.networks.cells import register


@dataclass(frozen=True)
class TanhRnn:
    """y_t = tanh(W x_t + R y_{t−1} + b)."""

    code: str = "RNN"
    name: str = "plain tanh network"
    fused: ClassVar[bool] = False
    blocks: ClassVar = ("y",)
    state: ClassVar = ("y",)

    def parameter_shapes(self, inputs, hidden):
        return {"W": (hidden, inputs), "R": (hidden, hidden), "b": (hidden,)}

    def step(self, ops, a, state, p):
        (y,) = state
        y = ops.tanh(a + ops.product(y, p["R"], 1))
        return y, [y]


@dataclass(frozen=True)
class Gru:
    """The gated recurrent unit with its reset gate after the product, as fast libraries have it."""

    code: str = "GRU"
    name: str = "gated recurrent unit"
    fused: ClassVar[bool] = False
    blocks: ClassVar = ("r", "u", "n")
    state: ClassVar = ("y",)

    def parameter_shapes(self, inputs, hidden):
        three = 3 * hidden
        return {"W": (three, inputs), "R": (three, hidden), "b": (three,), "bn": (hidden,)}

    def step(self, ops, a, state, p):
        (y,) = state
        a_r, a_u, a_n = ops.split(a, 3)
        y_r, y_u, y_n = ops.split(ops.product(y, p["R"], 3), 3)
        r, u = ops.sigmoid(a_r + y_r), ops.sigmoid(a_u + y_u)
        n = ops.tanh(a_n + r * ops.plus(y_n, p["bn"]))
        y = (1 - u) * n + u * y
        return y, [y]


RNN, GRU = register(TanhRnn()), register(Gru())
