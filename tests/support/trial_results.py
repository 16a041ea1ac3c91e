"""Results of trials that nobody trained."""

import numpy as np

from odyssey.runs.results import TrialResult


def trial_result(settings, **changes):
    """Return a result of three epochs, the second the best by validation, with changes."""
    curves = {
        "train": np.array([9.0, 8.0, 7.0]),
        "valid": np.array([9.0, 8.0, 8.5]),
        "test": np.array([9.1, 8.2, 8.6]),
        "seconds": np.array([1.0, 2.0, 4.0]),
    }
    fields = {
        "fingerprint": "f",
        "data": {"source": "mat", "fingerprint": "d"},
        "parameters": 123,
        "curves": curves,
        "best_epoch": 2,
        "diverged_epoch": 0,
        "host": "node",
        "kernels": "fused",
        "package_version": "0",
        "finished": "2026-01-01",
        "untrained": {"valid": 61.5, "test": 61.25},
    }
    return TrialResult(settings, **fields | changes)
