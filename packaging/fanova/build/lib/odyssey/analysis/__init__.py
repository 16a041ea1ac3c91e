"""Analysis of the trials: variance decomposition, comparison of variants, figures, report."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odyssey.analysis.fanova.functional_anova import FunctionalANOVA as FunctionalANOVA

__all__ = ["FunctionalANOVA"]


def __getattr__(name: str) -> Any:
    """Import the estimator when it is asked for: figures do without scikit-learn and numba."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from odyssey.analysis.fanova import functional_anova

    return getattr(functional_anova, name)
