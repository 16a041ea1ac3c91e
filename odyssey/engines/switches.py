"""What the kernels of every device know of a variant: its switches as bits."""

from odyssey.networks.variants import LSTMVariant

#: Fields of ``LSTMVariant`` in the order of the bits of ``Variant`` in variant.h.
SWITCHES = (
    "input_gate",
    "forget_gate",
    "output_gate",
    "input_activation",
    "output_activation",
    "coupled_gates",
    "peepholes",
    "gate_recurrence",
)


def switches(variant: LSTMVariant) -> int:
    """Return a variant's switches as the bits of ``Variant`` in variant.h."""
    return sum(1 << bit for bit, name in enumerate(SWITCHES) if getattr(variant, name))
