"""What each hyperparameter may be: one row each. Standard library only.

A law whose draws a row does not allow is refused when the study is read, not when it trains.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from odyssey.networks.spec import MOST_HIDDEN
from odyssey.study.search import Choice, Law, OneMinusLogUniform


@dataclass(frozen=True)
class Hyperparameter:
    """One row: ``kind`` is int, float or bool; values lie in [``least``, ``most``]."""

    name: str
    kind: type
    least: float
    most: float
    must: str

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


# The kernels compute in float32: beyond these bounds a step, 1 − μ or the noise is 0 or infinite.
_BELOW_ONE = 1 - 2.0**-24

#: All that a search can draw, by name.
HYPERPARAMETERS: Mapping[str, Hyperparameter] = {
    row.name: row
    for row in (
        Hyperparameter(*("hidden", int, 1, MOST_HIDDEN), f"a whole number from 1 to {MOST_HIDDEN}"),
        Hyperparameter("learning_rate", float, 1e-20, 1e20, "a number above 0, from 1e-20 to 1e20"),
        Hyperparameter(
            "momentum", float, 0, _BELOW_ONE, "a number from 0 to 0.99999994, the last below 1"
        ),
        Hyperparameter("noise", float, 0, 1e20, "a number from 0 to 1e20"),
        Hyperparameter("nesterov", bool, 0, 1, "true or false"),
        Hyperparameter("clip", bool, 0, 1, "true or false"),
    )
}
