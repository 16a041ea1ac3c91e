"""An LSTM's variant as the four gates that other programs' LSTM has.

A gate that a variant lacks is 1: weights of 0 and a bias of which the sigmoid is 1, whose gradient
is 0, so that it stays 1 where somebody trains on. The forget gate of coupled ones, 1 − i, has minus
the input gate's weights, since 1 − σ(a) = σ(−a).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from odyssey.export.weights import FloatArray
from odyssey.networks.variants import LSTMVariant

#: σ of it is 1 in float32.
OPEN = np.float32(100)


@dataclass(frozen=True)
class Gate:
    """W (H, D), R (H, H), b (H,) and the peephole p (H,) of one gate, or of the block input."""

    W: FloatArray
    R: FloatArray
    b: FloatArray
    p: FloatArray

    def negative(self) -> "Gate":
        """Return the gate that is 1 minus this one."""
        return Gate(-self.W, -self.R, -self.b, -self.p)


def gates_of(cell: LSTMVariant, side: Mapping[str, FloatArray]) -> dict[str, Gate]:
    """Return z, i, f and o of one direction. Full gate recurrence is not among what they say."""
    hidden = side["R"].shape[1]
    zero = np.zeros(hidden, np.float32)
    absent = Gate(
        np.zeros_like(side["W"][:hidden]), np.zeros_like(side["R"][:hidden]), OPEN + zero, zero
    )
    gates = dict.fromkeys(("z", "i", "f", "o"), absent)
    for k, name in enumerate(cell.blocks):
        rows = slice(k * hidden, (k + 1) * hidden)
        behind = slice((k - 1) * hidden, k * hidden)
        seen = side["p"][behind] if "p" in side and name != "z" else zero
        gates[name] = Gate(side["W"][rows], side["R"][rows], side["b"][rows], seen)
    if cell.coupled_gates:
        gates["f"] = gates["i"].negative()
    return gates
