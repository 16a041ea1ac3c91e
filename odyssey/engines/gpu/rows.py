"""Rows: what one launch works on, one sequence of one trial each, and the grids that cover them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from odyssey.engines.gpu.source import BACKWARD, DROPOUT, FORWARD, LossKernel
from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import lstm_of

#: ``Row`` of cuda/row.cuh: addresses in device memory, then numbers.
ROW = np.dtype(
    [
        *((name, "<u8") for name in ("theta", "first", "second", "x", "target", "noisy", "y")),
        *((name, "<u8") for name in ("kept", "out")),
        *((name, "<u8") for name in ("gates", "c", "transposed", "dy", "da", "paths")),
        *((name, "<u8") for name in ("loss", "before", "key", "presentation")),
        *((name, "<i4") for name in ("T", "U", "H", "training")),
        *((name, "<f4") for name in ("noise", "dropout", "step", "momentum", "first_share")),
        *((name, "<f4") for name in ("second_share", "epsilon", "clip", "weight_decay")),
        ("rule", "<i4"),
    ]
)
#: Rows and columns of C in a block of a product: kTile of cuda/product.cuh.
TILE = 64
_ALIGNMENT = 32  # floats


@dataclass(frozen=True)
class Extent:
    """The size of a row: frames T, labels U (0 where they are frame by frame), blocks H.

    ``drops`` is whether there is dropout.
    """

    T: int
    U: int
    H: int
    training: bool
    drops: bool = False


def workspace(spec: NetworkSpec, kernel: LossKernel | None, extent: Extent) -> dict[str, int]:
    """Return name → offset in floats of a row's intermediate arrays; ``end`` is their size.

    ``out`` is not among the arrays of a row that is only evaluated: it is a result.
    """
    T, H, v = extent.T, extent.H, lstm_of(spec.variant)
    sides, blocks, gates = len(spec.directions), len(v.blocks) * H, len(v.gates) * H
    across = gates * gates if v.gate_recurrence else 0
    sizes = {
        "y": T * sides * H,
        "gates": sides * T * blocks,
        "c": sides * T * H,
        "transposed": sides * (H * blocks + across),
        "paths": 4 * (T + 1) * (2 * extent.U + 1) if kernel and kernel.paths else 0,
    }
    if extent.training:
        sizes |= {"noisy": T * spec.inputs, "out": T * spec.outputs, "dy": T * sides * H}
        sizes["da"] = sides * T * blocks if v.gate_recurrence else 0
        sizes["kept"] = T * sides * H if extent.drops else 0
    offsets, end = {}, 0
    for name, size in sizes.items():
        offsets[name] = end
        end += -(-size // _ALIGNMENT) * _ALIGNMENT
    return offsets | {"end": end}


def grids(spec: NetworkSpec, extents: Iterable[Extent]) -> tuple[Mapping[str, int], ...]:
    """Return kernel → blocks that each row gets, in the order of the launches of one step.

    In three parts: up to the activations, the kernel of the loss, learning.
    """
    extents = list(extents)
    parts = [_parts(spec, extent) for extent in extents]
    most = {name: max(part[name] for part in parts) for name in parts[0]}
    learning = BACKWARD if any(extent.training for extent in extents) else ()
    idle = () if any(extent.drops for extent in extents) else DROPOUT
    thirds = (FORWARD, (spec.loss,), learning)
    return tuple({n: most[n] for n in names if n not in idle} for names in thirds)


def _parts(spec: NetworkSpec, extent: Extent) -> dict[str, int]:
    T, H, v = extent.T, extent.H, lstm_of(spec.variant)
    sides, blocks, gates = len(spec.directions), len(v.blocks) * H, len(v.gates) * H
    layer = _tiles(blocks, spec.inputs + 1) + _tiles(blocks, H)
    if v.gate_recurrence:
        layer += _tiles(gates, gates)
    return {
        "prepare": 8,
        **dict.fromkeys(DROPOUT, 8),
        "input": sides * _tiles(T, blocks),
        "forward": sides,
        "output": _tiles(T, spec.outputs),
        spec.loss: 1,
        "output_backward": _tiles(T, sides * H),
        "backward": sides,
        "descend": sides * layer + _tiles(spec.outputs, sides * H + 1),
    }


def _tiles(rows: int, columns: int) -> int:
    return -(-rows // TILE) * -(-columns // TILE)
