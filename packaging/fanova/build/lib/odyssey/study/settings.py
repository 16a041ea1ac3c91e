"""Settings of a study that its trials and its analysis share, as plain frozen data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Protocol:
    """How every trial trains (section IV-B)."""

    epochs: int
    patience: int
    weight_std: float


@dataclass(frozen=True)
class Analysis:
    """How results are analysed; what each means is in the schema."""

    trees: int
    forest: Literal["paper", "package", "accurate"]
    bootstrap: int
    top: float
    alpha: float
    paper: Literal["comparable", "always", "never"]
