"""What the analysis finds, as frozen records: fANOVA, the comparison of variants, the distances.

They are the content of the files in results/fanova, results/comparison and results/paper, in the
JSON of ``odyssey.storage.plain``. What could not be computed is a ``Skipped`` with the reason.
Numbers that are not known are NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from odyssey.paper import Scope
from odyssey.storage.plain import optional

#: What is decomposed: test figure of all trials, of the finished ones, logarithm of their seconds.
Target = Literal["error", "finished", "time"]
#: How the axis of a hyperparameter runs.
Scale = Literal["linear", "log", "one-minus-log", "levels"]
#: A value of a hyperparameter, or the code of a variant.
Level: TypeAlias = float | int | bool | str


@dataclass(frozen=True)
class Skipped:
    """What could not be computed: ``skipped`` is the reason."""

    skipped: str


# fANOVA.


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
    """The decompositions of one variant's search, of ``trials`` trials."""

    trials: int
    diverged: int
    error: Anova
    finished: Anova
    time: Anova

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


# The comparison of variants.


@dataclass(frozen=True)
class BestTrial:
    """The trial that is best on validation, with its figures."""

    trial: int
    valid: float
    test: float


@dataclass(frozen=True)
class BestOfK:
    """For k = 1 … n the test figure of the best of k trials: mean, 10 and 90 percent quantiles."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class WelchTest:
    """Welch's test of a variant against vanilla; differences are variant − vanilla.

    ``trials`` is the number of the smaller side, ``g`` Hedges' g, ``superiority`` the chance that a
    trial of the variant beats one of vanilla, ``low`` and ``high`` the 95 percent bootstrap
    interval of the difference. ``significant`` is by ``p_bonferroni``.
    """

    trials: int
    difference: float
    t: float
    p: float
    g: float
    superiority: float
    p_bonferroni: float
    p_holm: float
    low: float
    high: float
    significant: bool

    @property
    def is_worse(self) -> bool:
        """Whether the variant is significantly worse than vanilla."""
        return self.significant and self.difference > 0

    @property
    def is_better(self) -> bool:
        """Whether the variant is significantly better than vanilla."""
        return self.significant and self.difference < 0


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Test figures of all trials of a search or of its best; without a trial all are None.

    ``least`` is the best figure, ``parameters`` and ``seconds`` are means, ``low`` and ``high`` the
    95 percent bootstrap interval of the mean; ``std`` of one trial is NaN. ``against`` is the
    comparison with vanilla, None for vanilla itself.
    """

    trials: int
    mean: float | None = optional()
    std: float | None = optional()
    median: float | None = optional()
    least: float | None = optional()
    parameters: float | None = optional()
    seconds: float | None = optional()
    low: float | None = optional()
    high: float | None = optional()
    against: WelchTest | Skipped | None

    @property
    def test(self) -> WelchTest | None:
        """The test against vanilla, if it could be made."""
        return self.against if isinstance(self.against, WelchTest) else None

    @property
    def is_significant(self) -> bool:
        """Whether there is a significant difference to vanilla."""
        return self.test is not None and self.test.significant


@dataclass(frozen=True)
class VariantSummary:
    """A variant's search: counts, its best trial, and what its trials and the best of them gave."""

    trials: int
    diverged: int
    best: BestTrial | None
    best_of_k: BestOfK
    all: Selection
    top: Selection

    def of(self, scope: Scope) -> Selection:
        """Return all trials or the best of them."""
        return self.all if scope == "all" else self.top


@dataclass(frozen=True)
class Comparison:
    """The variants of one task beside the ``reference``.

    ``share`` of a search counts as its best, ``alpha`` is the level of the tests.
    """

    reference: str
    share: float
    alpha: float
    variants: Mapping[str, VariantSummary]


# The comparison with the paper.


@dataclass(frozen=True)
class Distance:
    """How far one part of a figure is from the paper's.

    ``distance`` is in the part's own unit (see ``analysis.distance``), and so are ``floor``, the
    mean of what chance alone gives, and ``most``, its 95 percent quantile. ``plain`` is the same
    difference in ``unit``. Where nothing can be compared they are None, and ``note`` says why.
    """

    task: str
    part: str
    distance: float | None = None
    floor: float | None = None
    most: float | None = None
    plain: float | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class WithPaper:
    """Whether a task's data are ``comparable`` with the paper's, its figures ``beside`` ours.

    Without ``distances`` there may be a ``reason``.
    """

    comparable: bool
    beside: bool
    distances: tuple[Distance, ...]
    reason: str
