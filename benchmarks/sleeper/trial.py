"""A trainer that only sleeps: a fraction of what the trial would cost, then a made-up result."""

import os
import platform
import time
from datetime import UTC, datetime

import numpy as np

from odyssey.runs.plan import corpus_of, costs_of, trial_seconds
from odyssey.runs.results import CURVES, TrialResult, write_trial


def run_trial(spec, dataset, path, *_options):
    """Sleep in place of odyssey.runs.trial.run_trial; its result says so."""
    seconds = trial_seconds(spec, costs_of(spec.task), corpus_of(spec.task))
    time.sleep(seconds * float(os.environ["SLEEPER_FRACTION"]))
    result = TrialResult(
        settings=spec.settings,
        fingerprint=spec.fingerprint,
        data={"source": dataset.source, "fingerprint": dataset.fingerprint},
        parameters=0,
        curves={name: np.full(1, 50.0) for name in CURVES},
        best_epoch=1,
        diverged_epoch=0,
        host=platform.node(),
        kernels="slept, not trained",
        package_version="benchmark",
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        untrained=dict.fromkeys(("valid", "test"), 100.0),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trial(path, result, {})
    return result
