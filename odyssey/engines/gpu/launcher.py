"""What a fleet needs of a device: memory with addresses, and kernels started in order."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Memory(Protocol):
    """Some bytes on the device; sizes and offsets are multiples of eight."""

    @property
    def address(self) -> int:
        """Where it begins."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def write(self, values: NDArray[Any], start: int = 0) -> None:
        """Copy an array to its bytes from ``start`` on."""

    def read(self, size: int, start: int = 0) -> NDArray[np.uint8]:
        """Return a copy of ``size`` bytes from ``start`` on."""


class Launcher(Protocol):
    """Allocates, copies and launches the kernels of one variant, for one thread at a time.

    Memory is read and written after ``synchronize`` only.
    """

    def allocate(self, size: int) -> Memory:
        """Allocate at least ``size`` bytes, with any content."""

    def launch(self, kernel: str, grid: tuple[int, int], table: Memory, *numbers: int) -> None:
        """Start a kernel after those before it; ``numbers`` are those of its signature."""

    def synchronize(self) -> None:
        """Wait until all is done; raise if something failed."""


def eights(size: int) -> int:
    """Return the least multiple of eight that is positive and at least ``size``."""
    return max(8, -(-size // 8) * 8)
