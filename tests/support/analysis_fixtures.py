"""Made-up studies with a known truth, and the places of the golden files."""

import gzip
import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from odyssey.analysis.comparison import compare_task
from odyssey.analysis.fanova.of_study import decompose_task
from odyssey.analysis.findings import Findings
from odyssey.analysis.records import Settings
from odyssey.study.search import Law, sample
from odyssey.study.study import Study
from odyssey.tasks import TASKS
from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
#: Added to the figure of every trial of a variant.
HARM = {"NFG": 4.0, "NOAF": 6.0, "NIG": 1.0}


def golden_file(name: str) -> bytes:
    """Return the content of a golden file."""
    return gzip.decompress((GOLDEN / f"{name}.json.gz").read_bytes())


def made_up_trials(study: Study, task: str, trials: int, noise: float = 0.3) -> pd.DataFrame:
    """Trials of a study whose figure depends on learning rate, hidden size and ``HARM``."""
    return made_up_table(task, study.search_space(task), study.variants, trials, study.seed, noise)


def made_up_table(
    task: str,
    space: Mapping[str, Law],
    variants: Iterable[str],
    trials: int,
    seed: int = 0,
    noise: float = 0.3,
) -> pd.DataFrame:
    """Trials of searches in any space with a learning rate and a hidden size; some diverge."""
    rows = []
    for variant in variants:
        for k in range(trials):
            random = np.random.default_rng([k, len(variant), ord(variant[-1])])
            drawn = sample(space, seed, task, variant, k)
            u = {name: law.cdf(drawn[name]) for name, law in space.items()}
            diverged = u["learning_rate"] > 0.96
            figure = 20 + 40 * (u["learning_rate"] - 0.7) ** 2 - 4 * u["hidden"]
            figure += HARM.get(variant, 0.0) + noise * random.normal()
            figure = (TASKS[task].worst if task in TASKS else 100) if diverged else figure
            epochs = 2 if diverged else 30
            seconds = 1 + 9 * u["hidden"]
            rows.append(
                {
                    "task": task,
                    "variant": variant,
                    "trial": k,
                    **{name: drawn.get(name) for name in (*space, "nesterov", "clip")},
                    "parameters": 100 * int(drawn["hidden"]),
                    "status": "diverged" if diverged else "finished",
                    "epochs": epochs,
                    "best_epoch": 0 if diverged else 14,
                    "train": figure,
                    "valid": figure * 1.01,
                    "test": figure,
                    "seconds": seconds * epochs,
                    "seconds_per_epoch": seconds,
                    "diverged_epoch": 2.0 if diverged else math.nan,
                    "seed": seed,
                    "host": "here",
                    "source": "made up",
                }
            )
    return pd.DataFrame(rows)


def made_up_curves(trials: pd.DataFrame) -> pd.DataFrame:
    """Falling curves that end at each trial's figures."""
    rows = []
    for trial in trials.itertuples():
        for epoch in range(1, trial.epochs + 1):
            figures = {
                name: getattr(trial, name) * (1 + 1 / epoch) for name in ("train", "valid", "test")
            }
            identity = {"task": trial.task, "variant": trial.variant, "trial": trial.trial}
            rows.append({**identity, "epoch": epoch, **figures, "seconds": 1.0})
    return pd.DataFrame(rows)


def found(study: Study, tables: Mapping[str, pd.DataFrame]) -> Findings:
    """What a quick analysis finds in each task's table of a study."""
    return found_in(tables, {task: study.search_space(task) for task in tables}, study.variants)


def found_in(
    tables: Mapping[str, pd.DataFrame],
    spaces: Mapping[str, Mapping[str, Law]],
    variants: Sequence[str],
    lacking: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Findings:
    """What a quick analysis finds in each task's table of searches in its space."""
    quick = Settings(trees=8, bootstrap=0)
    return Findings(
        pd.concat(tables.values(), ignore_index=True),
        {
            task: decompose_task(rows, spaces[task], variants, quick, lacking=lacking)
            for task, rows in tables.items()
        },
        {task: compare_task(rows, variants, resamples=200) for task, rows in tables.items()},
    )
