"""Checks of what the paper claims about two hyperparameters together, by vanilla's maps."""

import numpy as np

from odyssey.analysis.claims.curves import SMALL, Array
from odyssey.analysis.claims.evidence import Evidence
from odyssey.analysis.claims.shares import shares, unknown
from odyssey.analysis.findings import REFERENCE, Findings
from odyssey.analysis.records import Decomposition


def rate_carries_over(findings: Findings, task: str) -> Evidence:
    """Check that the best rate of the smallest third of networks is a good one for the largest.

    By the averages over learning rate and hidden size; good is within a tenth of the range that the
    largest third's curve spans.
    """
    grid = _map(findings, task, "learning_rate", "hidden")
    if grid is None:
        return unknown(findings, task)
    rates, _, error = grid
    third = max(1, error.shape[1] // 3)
    small, large = error[:, :third].mean(axis=1), error[:, -third:].mean(axis=1)
    loss = float(large[small.argmin()] - large.min())
    span = float(large.max() - large.min())
    words = f"best at {rates[small.argmin()]:.1e} for the smallest third of networks, "
    words += (
        f"at {rates[large.argmin()]:.1e} for the largest, which lose {loss:.2g} of {span:.3g} by it"
    )
    return Evidence(loss <= SMALL * span, words)


def less_noise_at_high_rates(findings: Findings, task: str) -> Evidence:
    """Check that noise above .5 costs more at rates above 1e-4: the interaction's sign."""
    grid = _map(findings, task, "learning_rate", "noise", interaction=True)
    share = shares(findings, task).get(("learning_rate", "noise"))
    if grid is None or share is None:
        return unknown(findings, task)
    rates, noises, interaction = grid
    high = [np.where(rates > 1e-4, 1, -1), np.where(noises > 0.5, 1, -1)]
    if any(np.ptp(signs) == 0 for signs in high):
        return Evidence(None, "rates or noises were sampled on one side only")
    slope = float(np.mean(interaction * np.multiply.outer(*high)))
    strong = max(share.readings) >= 0.005  # weaker ones have a sign by chance
    words = f"{slope:+.3g} where both are high; {share}"
    return Evidence(slope > 0 if strong else None, words)


def _map(
    findings: Findings, task: str, first: str, second: str, interaction: bool = False
) -> tuple[Array, Array, Array] | None:
    """Return the middles of both factors' cells and vanilla's map over them, None without one."""
    anova = findings.fanova[task].of(REFERENCE)
    for pair in (anova.maps or ()) if isinstance(anova, Decomposition) else ():
        if set(pair.factors) == {first, second}:
            grid = np.array(pair.interaction if interaction else pair.marginal)
            grid = grid if pair.factors[0] == first else grid.T
            edges = (findings.fanova[task].factors[name].edges for name in (first, second))
            one, two = (np.array(edge, float) for edge in edges)
            return (one[1:] + one[:-1]) / 2, (two[1:] + two[:-1]) / 2, grid
    return None
