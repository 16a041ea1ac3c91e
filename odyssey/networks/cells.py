"""What a recurrent cell is, and which there are: the LSTM's variants, GRU, RNN, what a study adds.

A cell is one file: its parameters' shapes and one step, written over ``Ops``. Gluon trains it from
that by autograd, and ``equations`` runs it in float64, which central differences can be held
against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from odyssey.networks.gru import GRU
from odyssey.networks.ops import Ops
from odyssey.networks.rnn import RNN
from odyssey.networks.shapes import check_step
from odyssey.networks.variants import NAMED, VARIANTS, LSTMVariant, get_variant
from odyssey.registry import Registry


class Cell(Protocol):
    """A recurrent layer of H units in one direction.

    Its parameters hold W (blocks·H, D) and b (blocks·H,), from which an engine makes the input's
    share of all frames at once; the others are the step's own affair. A cell may have a
    ``version``, 1 where it has none, raised when one of the same code computes something else.
    """

    def __hash__(self) -> int:
        """Two that are equal have the same kernels."""

    @property
    def code(self) -> str:
        """What configs and tables call it."""

    @property
    def name(self) -> str:
        """The same in words."""

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks that W stacks."""

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the arrays (B, H) that a frame hands to the next, zeros at first."""

    def parameter_shapes(self, inputs: int, hidden: int) -> dict[str, tuple[int, ...]]:
        """Return name → shape of one direction's parameters, in the order in which they are drawn.

        Names are letters and digits.
        """

    def step(
        self, ops: Ops, a: Any, state: Sequence[Any], p: Mapping[str, Any]
    ) -> tuple[Any, list[Any]]:
        """Return the output (B, H) and the next state of one frame.

        ``a`` (B, blocks·H) is x W' + b of that frame, ``p`` all parameters by name.
        """


#: Code → cell. The LSTM's variants combine besides: see ``get_cell``.
CELLS: Registry[Cell] = Registry("cell")


def register(cell: Cell) -> Cell:
    """Add a cell and return it. Raises ValueError for a code that is taken or no word.

    Raises ValueError, too, for parameters without W and b of the cell's blocks, for a step that
    does not fit them, and for a cell that can't be hashed.
    """
    shapes = cell.parameter_shapes(2, 3)
    rows = 3 * len(cell.blocks)
    if shapes.get("W") != (rows, 2) or shapes.get("b") != (rows,):
        raise ValueError(
            f"the cell {cell.code!r} must have parameters W (blocks·H, D) and b (blocks·H,) for "
            f"its blocks {', '.join(cell.blocks)}, got {shapes} for D = 2, H = 3"
        )
    if cell.__hash__ is None:
        raise ValueError(
            f"the cell {cell.code!r} must be hashable: make its class @dataclass(frozen=True)"
        )
    check_step(cell)
    return CELLS.add(cell.code, cell)


def get_cell(code: str) -> Cell:
    """Return the cell of a code, or the LSTM with the changes of several joined by ``+``.

    Raises ValueError, which lists the legal codes, for any other.
    """
    if code in CELLS:
        return CELLS[code]
    if unknown := [part for part in code.split("+") if part not in VARIANTS]:
        raise ValueError(
            f"unknown cell {unknown[0]!r}{f' in {code!r}' if '+' in code else ''}: use "
            f"{', '.join(CELLS)}, or several of {', '.join(VARIANTS)} joined by '+'"
        )
    return get_variant(code)


def without_names(cell: Cell) -> Cell:
    """Return what tells a cell's network from others: CIFG+NP and NP+CIFG are equal then."""
    return replace(cell, code="", name="", change="") if isinstance(cell, LSTMVariant) else cell


def has_kernels(cell: Cell, device: str = "cpu") -> bool:
    """Return whether the fused kernels of a device know a cell: the GPU's know the LSTM alone."""
    return isinstance(cell, LSTMVariant) or (device == "cpu" and cell in (GRU, RNN))


_ours: tuple[Cell, ...] = (*VARIANTS.values(), *NAMED.values(), GRU, RNN)
for _cell in _ours:
    register(_cell)
