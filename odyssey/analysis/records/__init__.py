"""What the analysis finds, as frozen records: fANOVA, the comparison of variants, the distances.

They are the content of the JSON files in results/fanova, results/comparison and results/paper, as
``odyssey.storage.plain`` writes and reads it. What could not be computed is a ``Skipped`` with the
reason. Numbers that are not known are NaN.
"""

from odyssey.analysis.records.anova import (
    Anova,
    Decomposition,
    Effect,
    Factor,
    Level,
    Marginal,
    PairMap,
    Scale,
    SearchAnova,
    Settings,
    Target,
    TaskAnova,
)
from odyssey.analysis.records.comparison import (
    BestOfK,
    BestTrial,
    Comparison,
    Selection,
    VariantSummary,
    WelchTest,
)
from odyssey.analysis.records.paper import Distance, WithPaper
from odyssey.analysis.records.skipped import Skipped

__all__ = [
    "Anova",
    "BestOfK",
    "BestTrial",
    "Comparison",
    "Decomposition",
    "Distance",
    "Effect",
    "Factor",
    "Level",
    "Marginal",
    "PairMap",
    "Scale",
    "SearchAnova",
    "Selection",
    "Settings",
    "Skipped",
    "Target",
    "TaskAnova",
    "VariantSummary",
    "WelchTest",
    "WithPaper",
]
