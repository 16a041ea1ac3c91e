"""The libraries of kernels that tests share: a row is compiled once for an instruction set.

The paper's nine, alone, are what the kernels' loader builds by itself.
"""

from odyssey.engines.fused import build
from odyssey.engines.fused.loader import instruction_set
from odyssey.networks.cells import get_cell
from tests.support.model_checks import COMBINED, OTHERS

#: The rows with which other instruction sets than this processor's best are tried.
FEW = ("V", "FGR")


def build_others():
    """Build the rows beside the nine, for the instruction set of this processor."""
    build(map(get_cell, [*COMBINED, *OTHERS]), [instruction_set()])


def build_few(name):
    """Build the rows of another instruction set; of the portable one, GRU and RNN too."""
    build(map(get_cell, [*FEW, *(OTHERS if name == "portable" else ())]), [name])
