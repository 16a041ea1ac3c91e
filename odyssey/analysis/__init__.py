"""What the trials say: variance decomposition, comparison of variants, figures, report."""

from odyssey.analysis.fanova import FunctionalANOVA

__all__ = ["FunctionalANOVA"]
