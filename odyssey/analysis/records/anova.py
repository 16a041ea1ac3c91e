"""fANOVA of one task: the content of results/fanova/<task>.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from odyssey.analysis.records.skipped import Skipped
from odyssey.storage.plain import optional

#: What is decomposed: test figure of all trials, of the finished ones, logarithm of their seconds.
Target = Literal["error", "finished", "time"]
#: How the axis of a hyperparameter runs.
Scale = Literal["linear", "log", "one-minus-log", "levels"]
#: A value of a hyperparameter, or the code of a variant.
Level: TypeAlias = float | int | bool | str


@dataclass(frozen=True)
class Settings:
    """How forests are grown and how often they are resampled; ``bootstrap`` 0 leaves it out."""

    trees: int = 100
    forest: Literal["paper", "package", "accurate"] = "paper"
    bootstrap: int = 200
    seed: int = 0


@dataclass(frozen=True)
class Factor:
    """A hyperparameter that was searched: values ``at`` a curve's points, ``edges`` of map cells.

    Levels have edges 0, 1, 2, …
    """

    scale: Scale
    at: tuple[Level, ...]
    edges: tuple[float, ...]


@dataclass(frozen=True)
class Effect:
    """The share of the variance in [0, 1] that some factors explain.

    ``fraction`` and ``std`` are mean and standard deviation over the trees, the paper's reading;
    ``mean_forest`` is the share of the mean of these trees. ``estimate`` is that of the accurate
    forest, ``low`` and ``high`` its 95 percent bootstrap interval, None without a bootstrap. Total
    effects are NaN where they were not computed.
    """

    kind: Literal["main", "pair", "total", "remainder"]
    factors: tuple[str, ...]
    fraction: float
    std: float
    mean_forest: float
    estimate: float
    low: float | None = optional()
    high: float | None = optional()

    @property
    def interval(self) -> tuple[float, float] | None:
        """The bootstrap interval of the estimate, if there is one."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Marginal:
    """A curve over a factor: mean and standard deviation over trees; of the time in seconds."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class PairMap:
    """Means over two factors (cells of the first, cells of the second).

    ``interaction`` is what the mean and both main effects leave of ``marginal``.
    """

    factors: tuple[str, str]
    marginal: tuple[tuple[float, ...], ...]
    interaction: tuple[tuple[float, ...], ...]

    @property
    def turned(self) -> "PairMap":
        """The same map with its factors in the other order."""
        sides = (tuple(zip(*side, strict=True)) for side in (self.marginal, self.interaction))
        return PairMap((self.factors[1], self.factors[0]), *sides)


@dataclass(frozen=True)
class Decomposition:
    """The decomposition of one target over the trials of one search.

    ``maps`` is None where they were not asked for.
    """

    trials: int
    variance: float
    effects: tuple[Effect, ...]
    curves: Mapping[str, Marginal]
    maps: tuple[PairMap, ...] | None = optional()

    @property
    def mains(self) -> dict[str, Effect]:
        """The main effects by their factor."""
        return {effect.factors[0]: effect for effect in self.effects if effect.kind == "main"}


#: A decomposition, or why there is none.
Anova: TypeAlias = Decomposition | Skipped


@dataclass(frozen=True)
class SearchAnova:
    """The decompositions of one variant's search, of ``trials`` trials.

    ``lacks`` names hyperparameters of other searches that the variant has nothing for, ``some``
    those that only some of its trials have, which are left out.
    """

    trials: int
    diverged: int
    error: Anova
    finished: Anova
    time: Anova
    lacks: tuple[str, ...] | None = optional()
    some: tuple[str, ...] | None = optional()

    def of(self, target: Target) -> Anova:
        """Return the decomposition of a target."""
        return {"error": self.error, "finished": self.finished, "time": self.time}[target]


@dataclass(frozen=True)
class TaskAnova:
    """The decompositions of one task.

    ``joint`` is the error of all variants, the variant being one more factor. ``fixed`` holds the
    values of hyperparameters that the study does not search.
    """

    settings: Settings
    factors: Mapping[str, Factor]
    fixed: Mapping[str, Level]
    searches: Mapping[str, SearchAnova]
    joint: Anova

    def of(self, variant: str, target: Target = "error") -> Anova:
        """Return the decomposition of a variant's target."""
        if variant not in self.searches:
            return Skipped(f"{variant} is not in this study")
        return self.searches[variant].of(target)
