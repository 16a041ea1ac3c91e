"""What could not be computed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skipped:
    """What could not be computed: ``skipped`` is the reason."""

    skipped: str
