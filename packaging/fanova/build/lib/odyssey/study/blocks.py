"""A block: the unit of the workflow, which one job trains and one declared file holds."""

from typing import NamedTuple


class Block(NamedTuple):
    """Consecutive trials of one search, ``first`` to ``last`` included."""

    task: str
    variant: str
    first: int
    last: int

    @property
    def trials(self) -> range:
        """The numbers of its trials."""
        return range(self.first, self.last + 1)
