"""Trials of any tool, as its reader gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from odyssey.study.search import Law


class UnusableTrials(ValueError):
    """Trials that cannot be read or decomposed; the message is one line."""


@dataclass(frozen=True)
class Trials:
    """Trials of one tool: ``table`` with a row each, ``laws`` that the tool declares.

    ``left_out`` counts trials that the tool itself lists as not finished, by state; ``targets``
    are the columns with results where the tool says so. ``line`` is that of the first row.
    """

    table: pd.DataFrame
    laws: Mapping[str, Law] = field(default_factory=dict)
    targets: Sequence[str] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    line: int = 1
    row: str = "trial"
