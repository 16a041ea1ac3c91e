"""The LSTM variants of the study, as data: one row of switches each, read by one step.

Source: Greff et al., section II (vanilla block) and section IV-C (variants). Everything that has
one block per gate is stacked in the order z, i, f, o (block input, input, forget, output gate);
gates that a variant lacks are left out.

The nine rows of the paper combine: ``get_variant("CIFG+NP")`` is the row with the changes of both,
so a variant of one's own needs no new code. ``NAMED`` are combinations that have names elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from odyssey.networks.ops import Ops


@dataclass(frozen=True)
class LSTMVariant:
    """One LSTM block as switches; the defaults are the vanilla block.

    ``forget_gate`` says whether f_t is anything but 1, ``coupled_gates`` whether it is 1 − i_t.
    """

    code: str
    name: str
    change: str = ""
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    input_activation: bool = True
    output_activation: bool = True
    coupled_gates: bool = False
    peepholes: bool = True
    gate_recurrence: bool = False

    def __post_init__(self) -> None:
        if self.coupled_gates and not (self.input_gate and self.forget_gate):
            raise ValueError(
                f"variant {self.code}: f = 1 − i needs an input and a forget gate; leave one out"
            )
        if self.gate_recurrence and not self.gates:
            raise ValueError(f"variant {self.code}: full gate recurrence needs at least one gate")

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates with parameters of their own, in the order i, f, o."""
        own = {
            "i": self.input_gate,
            "f": self.forget_gate and not self.coupled_gates,
            "o": self.output_gate,
        }
        return tuple(gate for gate, present in own.items() if present)

    @property
    def blocks(self) -> tuple[str, ...]:
        """The stacked parameter blocks: z and the gates."""
        return ("z", *self.gates)

    @property
    def state(self) -> tuple[str, ...]:
        """What a frame hands to the next: y, c and, with full gate recurrence, the gates."""
        return ("y", "c", *(self.gates if self.gate_recurrence else ()))

    def parameter_shapes(self, inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """Return name → shape of one direction's parameters, in their canonical order.

        With D ``inputs``, H ``hidden``, G gates and Z blocks: W (Z·H, D), R (Z·H, H), b (Z·H,),
        p (G·H,), and for full gate recurrence Q (G·H, G·H), whose block in row γ and column δ is
        the paper's R_δγ: from the previous gate δ to gate γ.
        """
        blocks, gates = len(self.blocks) * hidden, len(self.gates) * hidden
        shapes: dict[str, tuple[int, ...]] = {
            "W": (blocks, inputs),
            "R": (blocks, hidden),
            "b": (blocks,),
        }
        if self.peepholes and self.gates:
            shapes["p"] = (gates,)
        if self.gate_recurrence:
            shapes["Q"] = (gates, gates)
        return shapes

    def step(
        self, ops: Ops, a: Any, state: Sequence[Any], p: Mapping[str, Any]
    ) -> tuple[Any, list[Any]]:
        """Return the output and the next state of one frame; see ``Cell``."""
        found = self.activations(ops, a, state, p)
        return found["y"], [found[name] for name in self.state]

    def activations(
        self, ops: Ops, a: Any, state: Sequence[Any], p: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return z, i, f, o, c, h and y of one frame; an absent gate is the number 1.

        Source: Greff et al., section II-A, with the changes of section IV-C.
        """
        y, c, *gates = state
        a = a + ops.product(y, p["R"], len(self.blocks))
        block = dict(zip(self.blocks, ops.split(a, len(self.blocks)), strict=True))
        if self.gate_recurrence:
            across = ops.product(ops.join(gates), p["Q"], len(self.gates))
            for gate, part in zip(self.gates, ops.split(across, len(self.gates)), strict=True):
                block[gate] = block[gate] + part
        weights = ops.split(p["p"], len(self.gates)) if "p" in p else ()
        peephole = dict(zip(self.gates, weights, strict=False))

        def opened(gate: str, cell: Any) -> Any:
            seen = ops.times(cell, peephole[gate]) if peephole else 0
            return ops.sigmoid(block[gate] + seen)

        one: Any = 1.0
        i = opened("i", c) if self.input_gate else one
        f = opened("f", c) if "f" in self.gates else 1 - i if self.coupled_gates else one
        z = ops.tanh(block["z"]) if self.input_activation else block["z"]
        c = z * i + c * f
        o = opened("o", c) if self.output_gate else one
        h = ops.tanh(c) if self.output_activation else c
        return {"z": z, "i": i, "f": f, "o": o, "c": c, "h": h, "y": h * o}


_CHANGES: Mapping[str, tuple[str, str, dict[str, bool]]] = MappingProxyType(
    {
        "V": ("vanilla", "none", {}),
        "NIG": ("no input gate", "i = 1", {"input_gate": False}),
        "NFG": ("no forget gate", "f = 1", {"forget_gate": False}),
        "NOG": ("no output gate", "o = 1", {"output_gate": False}),
        "NIAF": ("no input activation function", "g(a) = a", {"input_activation": False}),
        "NOAF": ("no output activation function", "h(a) = a", {"output_activation": False}),
        "CIFG": ("coupled input and forget gate", "f = 1 − i", {"coupled_gates": True}),
        "NP": ("no peepholes", "p = 0", {"peepholes": False}),
        "FGR": ("full gate recurrence", "nine more matrices", {"gate_recurrence": True}),
    }
)


def get_variant(code: str) -> LSTMVariant:
    """Return the variant of a code, or of several joined by ``+``: all their changes at once.

    Raises ValueError for an unknown code or for changes that exclude each other.
    """
    parts = code.split("+")
    unknown = [part for part in parts if part not in _CHANGES]
    if unknown:
        raise ValueError(
            f"unknown LSTM variant {unknown[0]!r} in {code!r}: use {', '.join(_CHANGES)}, "
            "or several of them joined by '+'"
        )
    names, changes, switches = zip(*(_CHANGES[part] for part in parts), strict=True)
    merged = {switch: value for row in switches for switch, value in row.items()}
    return LSTMVariant(code, ", ".join(names), ", ".join(changes), **merged)


#: The nine variants of the paper, in its order.
VARIANTS: Mapping[str, LSTMVariant] = MappingProxyType(
    {code: get_variant(code) for code in _CHANGES}
)
VANILLA = VARIANTS["V"]
#: Combinations by the names that others gave them. JANET: van der Westhuizen and Lasenby 2018, "The
#: unreasonable effectiveness of the forget gate", whose f is our 1 − i.
NAMED: Mapping[str, LSTMVariant] = MappingProxyType(
    {"JANET": replace(get_variant("CIFG+NOG+NOAF+NP"), code="JANET", name="just another network")}
)


def lstm_of(cell: object) -> LSTMVariant:
    """Return a cell that must be the LSTM, for what knows no other. Raises ValueError."""
    if not isinstance(cell, LSTMVariant):
        code = getattr(cell, "code", cell)
        raise ValueError(
            f"the cell {code!r} is no variant of the LSTM, which is all that these kernels and "
            "equations know: choose `kernels: gluon`"
        )
    return cell
