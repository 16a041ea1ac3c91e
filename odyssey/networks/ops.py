"""What a cell's step may compute with, whatever arrays they are."""

from collections.abc import Sequence
from typing import Any, Protocol


class Ops(Protocol):
    """What a step may compute with, beside + − × of equal shapes and of numbers.

    Arrays are (B, n·H) for a batch of B sequences and n blocks of H; vectors are (n·H,).
    """

    def product(self, x: Any, weights: Any, blocks: int) -> Any:
        """Return x times the transposed ``weights`` (blocks·H, columns of x): (B, blocks·H)."""

    def split(self, a: Any, blocks: int) -> list[Any]:
        """Return the blocks of H that lie side by side in an array or a vector."""

    def join(self, parts: Sequence[Any]) -> Any:
        """Return arrays side by side."""

    def times(self, a: Any, vector: Any) -> Any:
        """Return every row of an array times a vector, entry by entry."""

    def plus(self, a: Any, vector: Any) -> Any:
        """Return every row of an array plus a vector."""

    def sigmoid(self, a: Any) -> Any:
        """Return the logistic function of every entry."""

    def tanh(self, a: Any) -> Any:
        """Return the hyperbolic tangent of every entry."""

    def relu(self, a: Any) -> Any:
        """Return every entry, or 0 where it is negative."""

    def exp(self, a: Any) -> Any:
        """Return the exponential of every entry."""
