"""fANOVA of every search in a table of trials: error and training time of each variant.

Source: Greff et al., section V-B. The training time is decomposed as its logarithm, as in the
paper's figure 4, whose panels have one geometric mean. A diverged trial counts by its best epoch
like any other; a few that got nowhere can be most of the variance, so the error of the finished
trials alone stands beside. What cannot be said is said in words: an entry without effects has a
``skipped`` that names the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from sklearn.utils.parallel import Parallel, delayed

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.forest import Setting
from odyssey.analysis.fanova.functional_anova import FunctionalANOVA
from odyssey.analysis.findings import REFERENCE, finite, read_trials, write_json
from odyssey.study.search import Choice, Law, LogUniform, OneMinusLogUniform, Uniform, seed_of
from odyssey.study.study import Study

#: What is decomposed: test figure of all trials, of the finished ones, logarithm of their seconds.
TARGETS = ("error", "finished", "time")
CURVE_POINTS, MAP_POINTS = 60, 40
#: More trees do not improve an estimate.
ESTIMATE_TREES = 64
#: With all variants in one forest there are many more trials, and few trees do.
JOINT_TREES = 16
_SCALES: Mapping[type, str] = {
    Uniform: "linear",
    LogUniform: "log",
    OneMinusLogUniform: "one-minus-log",
}


@dataclass(frozen=True)
class Settings:
    """How forests are grown and how often they are resampled; ``bootstrap`` 0 leaves it out."""

    trees: int = 100
    forest: Setting = "paper"
    bootstrap: int = 200
    seed: int = 0


def write_fanova(study: Study, task: str, trials: Path, out: Path, workers: int = 1) -> None:
    """Write the decompositions of one task as JSON, ``workers`` of them at a time."""
    chosen = study.config["analysis"]
    settings = Settings(chosen["trees"], chosen["forest"], chosen["bootstrap"], study.seed)
    space, table = study.search_space(task), read_trials(trials)
    write_json(out, decompose_task(table, space, study.variants, settings, workers))


def decompose_task(
    trials: pd.DataFrame,
    space: Mapping[str, Law],
    variants: Sequence[str],
    settings: Settings,
    workers: int = 1,
) -> dict[str, Any]:
    """Return the decompositions of one task as plain JSON types.

    ``searches`` maps every variant to its targets, ``joint`` is the error of all variants with the
    variant as one more factor (see ``decompose``). ``factors`` says where curves and maps stand:
    values ``at`` the points of a curve, ``edges`` of a map's cells, and the ``scale`` of the axis.
    Hyperparameters that the study fixes are no factors; ``fixed`` holds their values.
    """
    fixed = {name: law.levels[0] for name, law in space.items() if _is_fixed(law)}
    space = {name: law for name, law in space.items() if name not in fixed}
    present = tuple(code for code in variants if (trials.variant == code).any())
    wider = {**space, "variant": Choice(present)} if present else dict(space)  # type: ignore[arg-type]
    fewer = replace(settings, trees=min(settings.trees, JOINT_TREES), bootstrap=0)
    searches = {code: trials[trials.variant == code] for code in variants}
    jobs = [delayed(decompose)(trials, wider, "error", fewer)]
    jobs += [
        delayed(decompose)(
            rows,
            space,
            target,
            replace(settings, bootstrap=settings.bootstrap if target != "finished" else 0),
            maps=target == "error" and code == REFERENCE,
        )
        for code, rows in searches.items()
        for target in TARGETS
    ]
    joint, *results = Parallel(n_jobs=workers)(jobs)
    return {
        "settings": asdict(settings),
        "factors": {name: _factor(law) for name, law in wider.items()},
        "fixed": fixed,
        "searches": {
            code: _counts(rows) | {target: results.pop(0) for target in TARGETS}
            for code, rows in searches.items()
        },
        "joint": joint,
    }


def _is_fixed(law: Law) -> TypeGuard[Choice]:
    return isinstance(law, Choice) and len(law.levels) == 1


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    return {"trials": len(rows), "diverged": int((rows.status == "diverged").sum())}


def decompose(
    rows: pd.DataFrame,
    space: Mapping[str, Law],
    target: str,
    settings: Settings,
    maps: bool = False,
) -> dict[str, Any]:
    """Return ``effects``, ``curves`` and, with ``maps``, the pairwise ones of one target.

    ``error`` is that of all trials, ``finished`` that of those which did not diverge, ``time`` the
    logarithm of the latter's seconds. Trials without a test figure are left out.

    Fractions, curves and maps are of the forest that the settings ask for; ``estimate``, ``low``
    and ``high`` always of the accurate one, its mean fraction with bootstrap interval.

    Curves hold mean and standard deviation over trees, of the time its geometric mean in seconds;
    maps the mean over both factors' grids, whole and with the main effects taken off. ASSUME:
    diverged trials have no training time, which would say when they diverged. Without ``maps``
    total effects, which take longest, are missing too.
    """
    if target == "finished" and not (rows.status == "diverged").any():
        return {"skipped": "no trial diverged: see error"}
    rows = finite(rows if target == "error" else rows[rows.status == "finished"])
    y = rows[["test", "seconds"][target == "time"]].to_numpy(float)
    if target == "time":
        with np.errstate(divide="ignore"):  # no time at all is refused below, in words
            y = np.log(y)
    identity = (settings.seed, "fanova", target, *rows.variant.unique(), *rows.task.unique())
    seed, fewer = seed_of(*identity) % 2**32, min(settings.trees, ESTIMATE_TREES)
    anova = FunctionalANOVA(
        space, trees=settings.trees, setting=settings.forest, totals=maps, random_state=seed
    )
    best = FunctionalANOVA(space, trees=fewer, totals=False, random_state=seed)
    try:
        anova.fit(rows, y)
        best.fit(rows, y)
    except ValueError as error:
        return {"skipped": str(error)}
    effects = anova.effects_.assign(estimate=best.effects_.mean_forest)
    if settings.bootstrap:
        intervals = best.bootstrap(settings.bootstrap).effects_
        effects = effects.assign(low=intervals.low, high=intervals.high)
    result: dict[str, Any] = {
        "trials": len(rows),
        "variance": anova.mean_variance_,
        "effects": _plain(effects),
        "curves": {n: _curve(anova, n, law, target == "time") for n, law in space.items()},
    }
    if maps:
        grids = {name: _grid(law, MAP_POINTS) for name, law in space.items()}
        result["maps"] = [_map(anova, pair, grids) for pair in combinations(space, 2)]
    return result


def _plain(effects: pd.DataFrame) -> list[dict[str, Any]]:
    records = effects.to_dict("records")
    return [{str(key): _json(value) for key, value in record.items()} for record in records]


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _curve(
    anova: FunctionalANOVA, name: str, law: Law, logarithmic: bool
) -> dict[str, list[float]]:
    mean, std = anova.marginal(name, _grid(law, CURVE_POINTS))
    if logarithmic:
        mean = np.exp(mean)
        std = mean * std
    return {"mean": mean.tolist(), "std": std.tolist()}


def _map(
    anova: FunctionalANOVA, pair: tuple[str, str], grids: Mapping[str, Array]
) -> dict[str, Any]:
    at = grids[pair[0]], grids[pair[1]]
    return {
        "factors": pair,
        "marginal": anova.pair_marginal(pair, *at).tolist(),
        "interaction": anova.pair_marginal(pair, *at, interaction=True).tolist(),
    }


def _factor(law: Law) -> dict[str, Any]:
    """Return the points of curves and the edges of map cells, in the hyperparameter's values."""
    if isinstance(law, Choice):
        return {
            "scale": "levels",
            "at": list(law.levels),
            "edges": list(range(len(law.levels) + 1)),
        }
    return {
        "scale": _SCALES[type(law)],
        "at": [law.quantile(float(u)) for u in _grid(law, CURVE_POINTS)],
        "edges": [law.quantile(k / MAP_POINTS) for k in range(MAP_POINTS + 1)],
    }


def _grid(law: Law, points: int) -> Array:
    """Return the cdf values at which a factor is drawn: midpoints, or all levels."""
    if isinstance(law, Choice):
        return np.array([law.cdf(level) for level in law.levels])
    return (np.arange(points) + 0.5) / points
