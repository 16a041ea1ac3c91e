"""Frozen descriptions of a network and of its update rule. Standard library only: they travel."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

from odyssey.networks.cells import Cell

#: What computes a training step: the fused operators or plain MXNet.
Kernels = Literal["fused", "gluon"]
#: Where it does.
Device = Literal["cpu", "gpu"]
#: The most blocks of a layer: of a power of two more, some variants have more than the 2³¹ − 1
#: parameters that an array of MXNet may have.
MOST_HIDDEN = 8192
#: Those of the GPU kernels.
MOST_HIDDEN_GPU = 1024


@dataclass(frozen=True)
class NetworkSpec:
    """One or two recurrent layers side by side, joined to one output layer.

    ``variant`` is the cell of the layers, ``inputs`` D, ``hidden`` H (blocks per direction),
    ``outputs`` K. ``loss`` is the name of what is minimised, see ``odyssey.losses``.
    """

    variant: Cell
    inputs: int
    hidden: int
    outputs: int
    bidirectional: bool
    loss: str

    def __post_init__(self) -> None:
        if min(self.inputs, self.hidden, self.outputs) < 1:
            raise ValueError(
                "a network needs at least one input, block and output: "
                f"{self.inputs=}, {self.hidden=}, {self.outputs=}"
            )

    @property
    def directions(self) -> tuple[str, ...]:
        """The recurrent layers, side by side."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name → shape of all parameters in canonical order.

        ``forward.W``, ``forward.R``, … (see Cell.parameter_shapes), the same for
        ``backward``, then ``output.W`` (K, directions·H) and ``output.b`` (K,).
        """
        layer = self.variant.parameter_shapes(self.inputs, self.hidden)
        shapes = {
            f"{side}.{name}": shape for side in self.directions for name, shape in layer.items()
        }
        shapes["output.W"] = (self.outputs, len(self.directions) * self.hidden)
        shapes["output.b"] = (self.outputs,)
        return shapes

    @cached_property
    def size(self) -> int:
        """The number of parameters."""
        return sum(map(prod, self.parameter_shapes().values()))


@dataclass(frozen=True)
class UpdateRule:
    """Stochastic gradient descent with momentum μ, the step rescaled by (1 − μ).

    v ← μ v − η (1 − μ) g;  θ ← θ + μ v − η (1 − μ) g (Nesterov) or θ ← θ + v (classical). Without
    ``rescale`` the step is η in both.
    Every entry of g is first limited to [−``clip``, ``clip``], where that is not 0; true is 1
    (PAPER: tried on TIMIT, hurts). Then ``weight_decay`` λ adds λ θ to it, for all parameters: the
    gradient of λ/2 |θ|² beside the loss of one sequence.

    ASSUME: θ here is the look-ahead point, where g is taken; it is what is evaluated and kept. The
    authors' code walks the same path and evaluates at the base point, θ − μ v of ours. On 16
    vanilla trials of JSB the test figures differ by −.001 ± .002 nats, benchmarks/readings.py.
    """

    learning_rate: float
    momentum: float
    nesterov: bool = True
    clip: float = 0.0
    rescale: bool = True
    weight_decay: float = 0.0

    @property
    def step(self) -> float:
        """The effective step η (1 − μ), or η."""
        return self.learning_rate * (1 - self.momentum if self.rescale else 1)

    def numbers(self) -> dict[str, float]:
        """Return what the fused kernels get of it, in the order in which they do (product.h)."""
        return {
            "step": self.step,
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "clip": self.clip,
            "weight_decay": self.weight_decay,
        }
