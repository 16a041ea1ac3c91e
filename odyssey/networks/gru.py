"""The gated recurrent unit, with its reset gate behind the product, as fast libraries have it.

Source: Cho et al. 2014, "Learning phrase representations using RNN encoder–decoder". There r
multiplies y_{t−1} before the product with R; cuDNN, and with it PyTorch and Keras, multiply the
product, whose bias ``bn`` is thus within the gate's reach, and so do we.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from odyssey.networks.ops import Ops


@dataclass(frozen=True)
class GatedRecurrentUnit:
    """Blocks r (reset gate), u (update gate: how much of y_{t−1} stays) and n (candidate).

    r = σ(W_r x + R_r y + b_r), u = σ(W_u x + R_u y + b_u),
    n = tanh(W_n x + b_n + r ⊙ (R_n y + bn)), y ← (1 − u) ⊙ n + u ⊙ y.

    In torch.nn.GRU W is weight_ih_l0, R weight_hh_l0, b bias_ih_l0, and bn the last third of
    bias_hh_l0, whose other two thirds b includes.
    """

    code: str = "GRU"
    name: str = "gated recurrent unit"
    blocks: ClassVar = ("r", "u", "n")
    state: ClassVar = ("y",)

    def parameter_shapes(self, inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """Return name → shape: W (3·H, D), R (3·H, H), b (3·H,), bn (H,)."""
        three = 3 * hidden
        return {"W": (three, inputs), "R": (three, hidden), "b": (three,), "bn": (hidden,)}

    def step(
        self, ops: Ops, a: Any, state: Sequence[Any], p: Mapping[str, Any]
    ) -> tuple[Any, list[Any]]:
        """Return the output and the next state of one frame; see ``Cell``."""
        y = self.activations(ops, a, state, p)["y"]
        return y, [y]

    def activations(
        self, ops: Ops, a: Any, state: Sequence[Any], p: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return r, u, n, the product ``inner`` that r multiplies, and y of one frame."""
        (y,) = state
        a_r, a_u, a_n = ops.split(a, 3)
        y_r, y_u, y_n = ops.split(ops.product(y, p["R"], 3), 3)
        r, u = ops.sigmoid(a_r + y_r), ops.sigmoid(a_u + y_u)
        inner = ops.plus(y_n, p["bn"])
        n = ops.tanh(a_n + r * inner)
        return {"r": r, "u": u, "n": n, "inner": inner, "y": (1 - u) * n + u * y}


GRU = GatedRecurrentUnit()
