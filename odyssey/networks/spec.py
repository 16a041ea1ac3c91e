"""Frozen descriptions of a network and of its update rule. Standard library only: they travel."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import expm1, log, prod, sqrt
from types import MappingProxyType
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


#: Update rule → the fields of ``UpdateRule`` that it has beside those of every rule.
RULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nesterov": ("momentum", "rescale"),
        "momentum": ("momentum", "rescale"),
        "sgd": (),
        "adam": ("beta1", "beta2", "epsilon"),
        "rmsprop": ("rho", "epsilon"),
    }
)
#: Update rule → the arrays, each like all parameters, that it goes on from.
_STATE = {
    "nesterov": ("velocity",),
    "momentum": ("velocity",),
    "sgd": (),
    "adam": ("first", "second"),
    "rmsprop": ("second",),
}


@dataclass(frozen=True)
class UpdateRule:
    """How one sequence moves the parameters θ, given the gradient g of its loss.

    ``optimizer`` is one of RULES; empty it is nesterov or, if ``nesterov`` is false, momentum.

        nesterov   v ← μ v − s g;  θ ← θ + μ v − s g
        momentum   v ← μ v − s g;  θ ← θ + v
        sgd        θ ← θ − η g
        adam       m ← β₁ m + (1 − β₁) g;  w ← β₂ w + (1 − β₂) g²;  θ ← θ − η m̂ / (√ŵ + ε)
        rmsprop    w ← ρ w + (1 − ρ) g²;  θ ← θ − η g / (√w + ε)

    Here s = η (1 − μ), or η without ``rescale``; m̂ = m / (1 − β₁ᵗ) and ŵ = w / (1 − β₂ᵗ) at update
    t = 1, 2, … (Kingma and Ba, 2015, algorithm 1); RMSprop is that of Hinton's lecture 6e with
    PyTorch's place for ε. All arrays start at zero. What another rule has is not looked at.

    Under every rule each entry of g is first limited to [−``clip``, ``clip``], where that is not 0;
    true is 1 (PAPER: tried on TIMIT, hurts). Then ``weight_decay`` λ adds λ θ to it, for all
    parameters: the gradient of λ/2 |θ|² beside the loss of one sequence. (Not AdamW's decay.)

    ASSUME: Nesterov's θ is the look-ahead point, where g is taken; it is what is evaluated and
    kept. The authors' code walks the same path and evaluates at the base point, θ − μ v of ours. On
    16 vanilla trials of JSB the test figures differ by −.001 ± .002 nats, benchmarks/readings.py.
    """

    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = True
    clip: float = 0.0
    rescale: bool = True
    weight_decay: float = 0.0
    optimizer: str = ""
    beta1: float = 0.9
    beta2: float = 0.999
    rho: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if self.optimizer and self.optimizer not in RULES:
            raise ValueError(f"optimizer must be one of {', '.join(RULES)}, got {self.optimizer!r}")

    @property
    def name(self) -> str:
        """The name of the rule in RULES."""
        return self.optimizer or ("nesterov" if self.nesterov else "momentum")

    @property
    def state(self) -> tuple[str, ...]:
        """The arrays that the rule goes on from: v is velocity, m first, w second."""
        return _STATE[self.name]

    @property
    def counts(self) -> bool:
        """Whether the rule goes on from the number of updates, too."""
        return self.name == "adam"

    @property
    def step(self) -> float:
        """The effective step: η (1 − μ) where there is a momentum and it rescales, else η."""
        rescaled = self.rescale and "rescale" in RULES[self.name]
        return self.learning_rate * (1 - self.momentum if rescaled else 1)

    def corrected(self, update: int) -> tuple[float, float]:
        """Return the step and the ε by which the kernels make an update, the first being 1.

        Those of Adam hold its corrections: η m̂ / (√ŵ + ε) = s m / (√w + ε √(1 − β₂ᵗ)).
        """
        if not self.counts:
            return self.step, self.epsilon
        first = -expm1(update * log(self.beta1)) if self.beta1 else 1.0
        second = sqrt(-expm1(update * log(self.beta2))) if self.beta2 else 1.0
        return self.step * second / first, self.epsilon * second

    def numbers(self, update: int = 1) -> dict[str, float]:
        """Return what the kernels get of it for one update, in the order in which they do."""
        step, epsilon = self.corrected(update)
        adam, rmsprop = self.name == "adam", self.name == "rmsprop"
        return {
            "rule": [*RULES].index(self.name),
            "step": step,
            "momentum": self.momentum,
            "first_share": 1 - self.beta1 if adam else 0.0,
            "second_share": 1 - self.beta2 if adam else 1 - self.rho if rmsprop else 0.0,
            "epsilon": epsilon,
            "clip": self.clip,
            "weight_decay": self.weight_decay,
        }
