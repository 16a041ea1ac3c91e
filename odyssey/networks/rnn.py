"""The plain recurrent network of Elman 1990, "Finding structure in time", with tanh units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from odyssey.networks.ops import Ops


@dataclass(frozen=True)
class TanhNetwork:
    """One block: y ← tanh(W x + R y + b), as torch.nn.RNN, whose two biases b is the sum of."""

    code: str = "RNN"
    name: str = "plain tanh network"
    blocks: ClassVar = ("y",)
    state: ClassVar = ("y",)

    def parameter_shapes(self, inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """Return name → shape: W (H, D), R (H, H), b (H,)."""
        return {"W": (hidden, inputs), "R": (hidden, hidden), "b": (hidden,)}

    def step(
        self, ops: Ops, a: Any, state: Sequence[Any], p: Mapping[str, Any]
    ) -> tuple[Any, list[Any]]:
        """Return the output and the next state of one frame; see ``Cell``."""
        y = ops.tanh(a + ops.product(state[0], p["R"], 1))
        return y, [y]


RNN = TanhNetwork()
