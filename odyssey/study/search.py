"""The laws of the random search and its draws. Standard library only.

Source: Greff et al., section IV-D. A draw is a pure function of (study seed, task, variant, trial,
hyperparameter), read off a SHA-256 digest: more trials, tasks or hyperparameters change no draw,
and no library's stream of random numbers has to stay what it is.
ASSUME: draws are independent between tasks and variants.
"""

import hashlib
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

Number: TypeAlias = float | int | bool
#: A word is one of the levels of a choice.
Value: TypeAlias = Number | str


def uniform_draw(*identity: object) -> float:
    """Return a number in [0, 1) that depends on the identity alone, uniform over identities."""
    return (_digest(identity) >> 11) * 2.0**-53


def seed_of(*identity: object) -> int:
    """Return a 64-bit seed that depends on the identity alone."""
    return _digest(identity)


def _digest(identity: tuple[object, ...]) -> int:
    text = "\x1f".join(str(part) for part in identity)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class Law(Protocol):
    """The distribution of one hyperparameter; ``cdf`` maps it to the unit interval and back.

    ``extremes`` are values that it draws, the least and the largest among them.
    """

    @property
    def integer(self) -> bool:
        """Whether draws of an interval are rounded."""

    @property
    def extremes(self) -> tuple[Value, ...]:
        """Values between which all draws lie."""

    def quantile(self, u: float) -> Value:
        """Return the value at u in [0, 1]."""

    def cdf(self, value: Value) -> float:
        """Return u in [0, 1]; ValueError for a value outside the declared range."""


@dataclass(frozen=True)
class _Interval(ABC):
    low: float
    high: float
    integer: bool = False
    logarithmic: ClassVar[bool] = False

    def __post_init__(self) -> None:
        got = f"got low={self.low}, high={self.high}"
        if not (_is_number(self.low) and _is_number(self.high)):
            raise ValueError(f"a range needs low and high that are finite numbers, {got}")
        if not self.low < self.high:
            raise ValueError(f"a range needs low < high, {got}")
        if self.logarithmic and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, got low={self.low}")
        if self.integer and (self.low % 1 or self.high % 1):
            raise ValueError(f"a range of whole numbers needs whole bounds, {got}")
        if not math.isfinite(self.high / self.low if self.logarithmic else self.high - self.low):
            raise ValueError(f"a range needs bounds less far apart, {got}")

    @property
    def extremes(self) -> tuple[Number, ...]:
        """The values at both ends."""
        return self.quantile(0.0), self.quantile(1.0)

    @abstractmethod
    def quantile(self, u: float) -> Number:
        """Return the value at u in [0, 1]."""

    def _checked(self, value: Value) -> float:
        if isinstance(value, str) or not self.low <= value <= self.high:
            raise ValueError(f"{value} lies outside the declared range [{self.low}, {self.high}]")
        return float(value)

    def _rounded(self, value: float) -> Number:
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value


class Uniform(_Interval):
    """Uniform on [low, high]."""

    def quantile(self, u: float) -> Number:
        """Return low + u (high − low)."""
        return self._rounded(self.low + u * (self.high - self.low))

    def cdf(self, value: Value) -> float:
        """Return the inverse of ``quantile``."""
        return (self._checked(value) - self.low) / (self.high - self.low)


class LogUniform(_Interval):
    """Log-uniform on [low, high], rounded where ``integer``."""

    logarithmic = True

    def quantile(self, u: float) -> Number:
        """Return low · (high / low)^u."""
        return self._rounded(self.low * (self.high / self.low) ** u)

    def cdf(self, value: Value) -> float:
        """Return the inverse of ``quantile``."""
        return math.log(self._checked(value) / self.low) / math.log(self.high / self.low)


class OneMinusLogUniform(_Interval):
    """1 − x with x log-uniform on [low, high] ⊂ (0, 1]: the law of the momentum."""

    logarithmic = True

    def __post_init__(self) -> None:
        if self.integer:
            raise ValueError("one-minus-log-uniform must not be rounded: leave integer: true out")
        super().__post_init__()
        if self.high > 1:
            raise ValueError(f"1 − x must not be negative: high must be at most 1, got {self.high}")

    def quantile(self, u: float) -> Number:
        """Return 1 − low · (high / low)^u."""
        rest: float = self.low * (self.high / self.low) ** u
        return 1 - min(max(rest, self.low), self.high)

    def cdf(self, value: Value) -> float:
        """Return the inverse of ``quantile``."""
        rest = math.nan if isinstance(value, str) else 1 - value
        if math.isclose(rest, self.low):  # 1 − (1 − low) misses low by a rounding error
            return 0.0
        return math.log(self._checked(rest) / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Choice:
    """One of several levels, all equally likely; a level's cdf is the middle of its share."""

    levels: tuple[Value, ...]
    integer: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if len(set(self.levels)) != len(self.levels) or not self.levels:
            raise ValueError(f"a choice needs at least one level and none twice: {self.levels}")

    @property
    def extremes(self) -> tuple[Value, ...]:
        """All levels."""
        return self.levels

    def quantile(self, u: float) -> Value:
        """Return the level whose share holds u."""
        return self.levels[min(int(u * len(self.levels)), len(self.levels) - 1)]

    def cdf(self, value: Value) -> float:
        """Return the middle of the level's share of [0, 1]."""
        if value not in self.levels:
            raise ValueError(f"{value} is none of the declared levels {self.levels}")
        return (self.levels.index(value) + 0.5) / len(self.levels)


#: Names of the laws in config.yaml.
LAWS: Mapping[str, type[_Interval] | type[Choice]] = {
    "uniform": Uniform,
    "log-uniform": LogUniform,
    "one-minus-log-uniform": OneMinusLogUniform,
    "choice": Choice,
}


def parse_law(entry: Mapping[str, Any]) -> Law:
    """Return the law of one search-space entry of config.yaml; ValueError if it makes no sense.

    ``{law: fixed, value: v}`` is a choice among one. What belongs to another law has no effect: a
    study file's law is laid over the one of config.yaml, key by key.
    """
    if entry["law"] in ("fixed", "choice"):
        levels = levels_of(entry)
        for level in levels:
            if not isinstance(level, bool) and not _is_number(level) and not _is_word(level):
                raise ValueError(
                    f"a value needs to be a finite number, true, false or a word, got {level!r}"
                )
        return Choice(tuple(levels))
    own = {key: entry[key] for key in ("low", "high", "integer") if key in entry}
    return LAWS[entry["law"]](**own)  # type: ignore[return-value]


def levels_of(entry: Mapping[str, Any]) -> list[Any]:
    """Return the levels of an entry as they came, none where its law is on an interval."""
    if entry["law"] == "fixed":
        return [entry["value"]]
    return list(entry["levels"]) if entry["law"] == "choice" else []


def _is_word(value: object) -> bool:
    """Whether value is text that is not meant as a number: YAML takes 1e-3 for text."""
    if not isinstance(value, str) or not value:
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _is_number(value: object) -> bool:
    """Whether value is a number that float64 holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


def sample(
    space: Mapping[str, Law], seed: int, task: str, variant: str, trial: int
) -> dict[str, Value]:
    """Return the hyperparameters of one trial: name → value, in the order of the space."""
    return {
        name: law.quantile(uniform_draw(seed, task, variant, trial, name))
        for name, law in space.items()
    }
