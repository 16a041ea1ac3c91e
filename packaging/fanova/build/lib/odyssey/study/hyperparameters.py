"""The hyperparameters: what each may be, what it fills, how it is called. Standard library only.

A law whose draws a row does not allow is refused when the study is read, not when it trains. An
extension adds a row of its own with ``register``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odyssey.networks.spec import MOST_HIDDEN, NetworkSpec, UpdateRule
from odyssey.registry import Registry
from odyssey.study.search import Choice, Law, OneMinusLogUniform, Value

#: What acts at the start of a trial: it changes the drawn initial parameters, arrays by name, in
#: place, given the value and the network.
AtStart = Callable[[dict[str, Any], Any, NetworkSpec], None]


@dataclass(frozen=True)
class Start:
    """How parameters are drawn: from N(0, ``weight_std``²)."""

    weight_std: float


@dataclass(frozen=True)
class InputNoise:
    """Standard deviation of the Gaussian noise on the training inputs."""

    std: float


@dataclass(frozen=True)
class Hyperparameter:
    """One row: ``kind`` is int, float or bool; values lie in [``least``, ``most``].

    ``must`` says so in words. The value goes into ``fills``, a dataclass and its field, and
    ``default`` where the study does not search it; without a default it must be in every search
    space. Or else it goes to ``at_start``, if it is searched. ``label`` names it on an axis,
    ``short`` in a table; ``colour`` is its own in every figure. Raise ``version`` when ``at_start``
    gives other numbers: trials of before are then trained anew.
    """

    name: str
    kind: type
    least: float
    most: float
    must: str
    fills: tuple[type, str] | None = None
    default: Value | None = None
    at_start: AtStart | None = field(default=None, repr=False)
    label: str = ""
    short: str = ""
    colour: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z][a-z0-9_]*", self.name) or self.name in _COLUMNS:
            raise ValueError(
                "a hyperparameter's name must be small letters, digits and _, a letter first, and "
                f"no other column of trials.csv, got {self.name!r}"
            )
        if self.kind not in (int, float, bool) or self.version < 1:
            raise ValueError(
                f"{self.name}: the kind must be int, float or bool, and the version from 1, got "
                f"{self.kind!r} and {self.version!r}"
            )
        if (self.fills is None) == (self.at_start is None):
            raise ValueError(f"{self.name} must either fill a field or act at the start")
        if self.default is not None:
            self.check(self.default)
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))
        object.__setattr__(self, "short", self.short or self.label)

    @property
    def is_required(self) -> bool:
        """Whether every search space must have it."""
        return self.fills is not None and self.default is None

    def check(self, value: object) -> None:
        """Raise ValueError unless a network can train with the value."""
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
        return isinstance(value, int if self.kind is int else int | float)

    def _check_rounding(self, law: Law) -> None:
        if self.kind is bool:
            raise ValueError(f"must be {self.must}: its law must be choice or fixed")
        if self.kind is int and isinstance(law, OneMinusLogUniform):
            raise ValueError(f"must be {self.must}: its law can't be one-minus-log-uniform")
        if self.kind is int and not law.integer:
            raise ValueError(f"must be {self.must}: its law needs integer: true")
        if self.kind is float and law.integer:
            raise ValueError("must not be rounded: leave integer: true out of its law")


#: Other columns of trials.csv.
_COLUMNS = (
    *("task", "variant", "trial", "parameters", "status", "epochs", "best_epoch", "train", "valid"),
    *("test", "seconds", "seconds_per_epoch", "diverged_epoch", "seed", "host", "source"),
)
# The kernels compute in float32: beyond these bounds a step, 1 − μ or the noise is 0 or infinite.
_BELOW_ONE = 1 - 2.0**-24

# Colours are Okabe and Ito's, told apart with every kind of colour vision.
_ROWS = (
    Hyperparameter(
        *("hidden", int, 1, MOST_HIDDEN, f"a whole number from 1 to {MOST_HIDDEN}"),
        fills=(NetworkSpec, "hidden"),
        label="hidden size (LSTM blocks per layer)",
        short="hidden size",
        colour="#E69F00",
    ),
    Hyperparameter(
        *("learning_rate", float, 1e-20, 1e20, "a number above 0, from 1e-20 to 1e20"),
        fills=(UpdateRule, "learning_rate"),
        colour="#0072B2",
    ),
    Hyperparameter(
        *("momentum", float, 0, _BELOW_ONE),
        "a number from 0 to 0.99999994, the last below 1",
        fills=(UpdateRule, "momentum"),
        default=0.0,
        colour="#D55E00",
    ),
    Hyperparameter(
        *("noise", float, 0, 1e20, "a number from 0 to 1e20"),
        fills=(InputNoise, "std"),
        default=0.0,
        label="input noise (standard deviation)",
        short="input noise",
        colour="#009E73",
    ),
    # PAPER: Nesterov and no clipping where a task does not sample them.
    Hyperparameter(
        *("nesterov", bool, 0, 1, "true or false"),
        fills=(UpdateRule, "nesterov"),
        default=True,
        label="Nesterov momentum",
        short="Nesterov",
        colour="#56B4E9",
    ),
    Hyperparameter(
        *("clip", bool, 0, 1, "true or false"),
        fills=(UpdateRule, "clip"),
        default=False,
        label="gradient clipping",
        short="clipping",
        colour="#CC79A7",
    ),
)
#: Name → hyperparameter: all that a search can draw.
HYPERPARAMETERS: Registry[Hyperparameter] = Registry("hyperparameter")


def register(row: Hyperparameter) -> Hyperparameter:
    """Add a hyperparameter and return it. Raises ValueError for a name that is taken."""
    return HYPERPARAMETERS.add(row.name, row)


def get_hyperparameter(name: str) -> Hyperparameter:
    """Return the row of a name. Raises ValueError, which lists the legal names, for any other."""
    return HYPERPARAMETERS.find(name)


for _row in _ROWS:
    register(_row)


def fields_of(kind: type, drawn: Mapping[str, Value]) -> dict[str, Any]:
    """Return the fields of a dataclass that hyperparameters fill: what was drawn, else defaults."""
    found = {}
    for row in HYPERPARAMETERS.values():
        if row.fills and row.fills[0] is kind and (row.name in drawn or row.default is not None):
            found[row.fills[1]] = row.kind(drawn.get(row.name, row.default))
    return found
