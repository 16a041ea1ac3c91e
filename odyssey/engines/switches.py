"""What the kernels know a cell by: an LSTM's switches as bits, or the number of another cell."""

from odyssey.networks.cells import Cell
from odyssey.networks.gru import GRU
from odyssey.networks.rnn import RNN
from odyssey.networks.variants import lstm_of

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
#: Cells beside the LSTM that the C++ kernels know, by their numbers in variant.h.
OTHERS = ((GRU, 256), (RNN, 512))


def switches(variant: Cell) -> int:
    """Return an LSTM's switches as the bits of ``Variant`` in variant.h, another cell's number.

    Raises ValueError for a cell that the kernels don't know.
    """
    for cell, number in OTHERS:
        if variant == cell:
            return number
    row = lstm_of(variant)
    return sum(1 << bit for bit, name in enumerate(SWITCHES) if getattr(row, name))
