"""What a hyperparameter is, as one row: what it may be, what it fills, how it is called."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from odyssey.networks.cells import Cell
from odyssey.networks.spec import RULES, NetworkSpec, UpdateRule
from odyssey.study.search import Choice, Law, OneMinusLogUniform, Value

#: What acts at the start of a trial: it changes the drawn initial parameters, arrays by name, in
#: place, given the value and the network.
AtStart = Callable[[dict[str, Any], Any, NetworkSpec], None]


#: Other columns of trials.csv.
COLUMNS = (
    *("task", "variant", "trial", "parameters", "status", "epochs", "best_epoch", "train", "valid"),
    *("test", "seconds", "seconds_per_epoch", "diverged_epoch", "seed", "host", "source"),
)


@dataclass(frozen=True)
class Start:
    """How parameters are drawn: from N(0, ``weight_std``²)."""

    weight_std: float


@dataclass(frozen=True)
class InputNoise:
    """Standard deviation of the Gaussian noise on the training inputs."""

    std: float


@dataclass(frozen=True)
class OutputDropout:
    """Probability with which the output layer misses an output of the recurrent layer, training."""

    probability: float


@dataclass(frozen=True)
class Hyperparameter:
    """One row: ``kind`` is int, float, bool or str; values lie in [``least``, ``most``].

    A str is one of ``words``. ``must`` says so. The value goes into ``fills``, a dataclass and its
    field; where the study does not search it, ``default`` does, and without one the field keeps
    what it has, unless every search space must have the row, which is ``required``. Or else the
    value goes to ``at_start``, if it is searched. ``block`` is the block of a cell that the row
    acts on, as in ``Cell.blocks``: a cell without it has no such hyperparameter. ``label`` names it
    on an axis, ``short`` in a table; ``colour`` is its own in every figure. Of a ``switch`` true
    and false are values, too, and stand for 1 and 0. Raise ``version`` when ``at_start`` gives
    other numbers: trials of before are then trained anew.
    """

    name: str
    kind: type
    least: float
    most: float
    must: str
    fills: tuple[type, str] | None = None
    default: Value | None = None
    required: bool = False
    at_start: AtStart | None = field(default=None, repr=False)
    block: str = ""
    label: str = ""
    short: str = ""
    colour: str = ""
    switch: bool = False
    words: tuple[str, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9_]*", self.name) or self.name in COLUMNS:
            raise ValueError(
                "a hyperparameter's name must be small letters, digits and _, a letter first, and "
                f"no other column of trials.csv, got {self.name!r}"
            )
        if self.kind not in (int, float, bool, str) or self.version < 1:
            raise ValueError(
                f"{self.name}: the kind must be int, float, bool or str, and the version from 1, "
                f"got {self.kind!r} and {self.version!r}"
            )
        if (self.kind is str) != bool(self.words):
            raise ValueError(f"{self.name} needs words if it is of kind str, and only then")
        if (self.fills is None) == (self.at_start is None):
            raise ValueError(f"{self.name} must either fill a field or act at the start")
        if self.default is not None:
            self.check(self.default)
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))
        object.__setattr__(self, "short", self.short or self.label)

    def acts_on(self, cell: Cell) -> bool:
        """Return whether a cell has what the hyperparameter changes."""
        return not self.block or self.block in cell.blocks

    def acts_under(self, optimizer: str) -> bool:
        """Return whether an update rule has what the hyperparameter fills.

        An empty one is left to the factor ``nesterov``, which has no say elsewhere.
        """
        if self.fills is None or self.fills[0] is not UpdateRule:
            return True
        field = self.fills[1]
        if field == "nesterov":
            return not optimizer
        everywhere = all(field not in fields for fields in RULES.values())
        return everywhere or field in RULES[optimizer or "nesterov"]

    def check(self, value: object) -> None:
        """Raise ValueError unless a network can train with the value."""
        if self.switch and isinstance(value, bool):
            return
        if self.kind is str and value in self.words:
            return
        if not (self._is_of_the_kind(value) and self.least <= value <= self.most):  # type: ignore[operator]
            raise ValueError(f"must be {self.must}, got {value!r}")

    def check_law(self, law: Law) -> None:
        """Raise ValueError unless a network can train with everything that the law draws."""
        if not isinstance(law, Choice):
            self._check_rounding(law)
        for value in law.extremes:
            self.check(value)

    def _is_of_the_kind(self, value: object) -> bool:
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if self.kind is str or isinstance(value, str):
            return False
        return isinstance(value, int if self.kind is int else int | float)

    def _check_rounding(self, law: Law) -> None:
        if self.kind in (bool, str):
            raise ValueError(f"must be {self.must}: its law must be choice or fixed")
        if self.kind is int and isinstance(law, OneMinusLogUniform):
            raise ValueError(f"must be {self.must}: its law can't be one-minus-log-uniform")
        if self.kind is int and not law.integer:
            raise ValueError(f"must be {self.must}: its law needs integer: true")
        if self.kind is float and law.integer:
            raise ValueError("must not be rounded: leave integer: true out of its law")
