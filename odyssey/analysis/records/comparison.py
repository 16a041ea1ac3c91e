"""The variants of one task side by side: the content of results/comparison/<task>.json."""

from collections.abc import Mapping
from dataclasses import dataclass

from odyssey.analysis.records.skipped import Skipped
from odyssey.paper import Scope
from odyssey.storage.plain import optional


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
