"""``Ops`` of shapes alone: whether a cell's step fits its parameters, before anything trains it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Shaped:
    """An array of which nothing but the shape is known."""

    shape: Shape

    def _beside(self, other: object) -> "Shaped":
        if isinstance(other, Shaped) and other.shape != self.shape:
            raise ValueError(
                f"+, − and × are for equal shapes and numbers, got {self.shape} and {other.shape}"
            )
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _beside
    __rtruediv__ = __pow__ = _beside

    def __neg__(self) -> "Shaped":
        return self


class ShapeOps:
    """``Ops`` of ``Shaped``; raises ValueError where shapes do not fit."""

    def __init__(self, hidden: int) -> None:
        self._hidden = hidden

    def product(self, x: Shaped, weights: Shaped, blocks: int) -> Shaped:
        """Return (B, blocks·H)."""
        expected = (blocks * self._hidden, x.shape[-1])
        if weights.shape != expected:
            raise ValueError(
                f"the weights of a product of {x.shape} in {blocks} blocks must have the shape "
                f"{expected}, got {weights.shape}"
            )
        return Shaped((x.shape[0], expected[0]))

    def split(self, a: Shaped, blocks: int) -> list[Shaped]:
        """Return the shapes of the blocks."""
        if a.shape[-1] != blocks * self._hidden:
            raise ValueError(f"{a.shape} can't be split in {blocks} blocks of {self._hidden}")
        return [Shaped((*a.shape[:-1], self._hidden))] * blocks

    def join(self, parts: Sequence[Shaped]) -> Shaped:
        """Return the shape of arrays side by side."""
        return Shaped((parts[0].shape[0], sum(part.shape[1] for part in parts)))

    def times(self, a: Shaped, vector: Shaped) -> Shaped:
        """Return the array's shape."""
        if vector.shape != a.shape[1:]:
            raise ValueError(f"a vector for {a.shape} must have {a.shape[1:]}, got {vector.shape}")
        return a

    plus = times

    def sigmoid(self, a: Shaped) -> Shaped:
        """Return the array's shape."""
        return a

    tanh = relu = exp = sigmoid


def check_step(cell: Any) -> None:
    """Raise ValueError unless a cell's step takes what ``Cell`` says and gives it back."""
    B, D, H = 2, 3, 5
    p = {name: Shaped(tuple(shape)) for name, shape in cell.parameter_shapes(D, H).items()}
    zeros = [Shaped((B, H)) for _ in cell.state]
    sizes = f"for B = {B}, D = {D}, H = {H}"
    try:
        y, after = cell.step(ShapeOps(H), Shaped((B, len(cell.blocks) * H)), zeros, p)
        found = [y.shape, [each.shape for each in after]]
    except Exception as error:
        raise ValueError(
            f"the step of the cell {cell.code!r} fails {sizes}: {type(error).__name__}: {error}"
        ) from error
    if found != [(B, H), [(B, H)] * len(zeros)]:
        raise ValueError(
            f"the step of the cell {cell.code!r} must return the output (B, H) and a list of the "
            f"{len(zeros)} states (B, H), got the shapes {found} {sizes}"
        )
