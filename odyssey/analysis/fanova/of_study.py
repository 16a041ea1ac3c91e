"""fANOVA of every search in a table of trials: error and training time of each variant.

Source: Greff et al., section V-B. The training time is decomposed as its logarithm, as in the
paper's figure 4, whose panels have one geometric mean. A diverged trial counts by its best epoch
like any other; a few that got nowhere can be most of the variance, so the error of the finished
trials alone is decomposed too. What cannot be decomposed is ``Skipped`` with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard, get_args

import numpy as np
import pandas as pd
from sklearn.utils.parallel import Parallel, delayed

from odyssey.analysis.fanova.boxes import Array
from odyssey.analysis.fanova.functional_anova import FunctionalANOVA
from odyssey.analysis.findings import REFERENCE, finite, read_trials, write_record
from odyssey.analysis.records import (
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
    Skipped,
    Target,
    TaskAnova,
)
from odyssey.study.search import Choice, Law, LogUniform, OneMinusLogUniform, Uniform, seed_of
from odyssey.study.study import Study

TARGETS: tuple[Target, ...] = get_args(Target)
CURVE_POINTS, MAP_POINTS = 60, 40
#: More trees do not improve an estimate.
ESTIMATE_TREES = 64
#: A forest of all variants has many more trials: few trees are enough.
JOINT_TREES = 16
_SCALES: Mapping[type, Scale] = {
    Uniform: "linear",
    LogUniform: "log",
    OneMinusLogUniform: "one-minus-log",
}


def write_fanova(study: Study, task: str, trials: Path, out: Path, workers: int = 1) -> None:
    """Write the decompositions of one task as JSON, ``workers`` of them at a time."""
    asked = study.analysis
    settings = Settings(asked.trees, asked.forest, asked.bootstrap, study.seed)
    space, table = study.factors(task), read_trials(trials)
    lacking = {code: study.lacking(task, code) for code in study.variants}
    some = study.conditional(task)
    record = decompose_task(table, space, study.variants, settings, workers, lacking, some)
    write_record(out, record)


def decompose_task(
    trials: pd.DataFrame,
    space: Mapping[str, Law],
    variants: Sequence[str],
    settings: Settings,
    workers: int = 1,
    lacking: Mapping[str, Sequence[str]] = MappingProxyType({}),
    some: Sequence[str] = (),
) -> TaskAnova:
    """Return the decompositions of one task, ``workers`` of them at a time.

    Every variant has one per target; ``joint`` is the error of all variants with the variant as one
    more factor. Hyperparameters that the study fixes are no factors, nor are those that a variant
    has nothing for: ``lacking`` names them by variant, and ``joint`` has those of all variants.
    Those that only ``some`` trials have are left out.
    """
    fixed: dict[str, Level] = {n: law.levels[0] for n, law in space.items() if _is_fixed(law)}
    space = {name: law for name, law in space.items() if name not in fixed}
    lacks = {c: tuple(n for n in space if n in lacking.get(c, ())) for c in variants}
    present = tuple(code for code in variants if (trials.variant == code).any())
    common = _without(space, some, *(lacks[code] for code in present))
    own = {"variant": Choice(present)} if present else {}
    fewer = replace(settings, trees=min(settings.trees, JOINT_TREES), bootstrap=0)
    searches = {code: trials[trials.variant == code] for code in variants}
    jobs = [delayed(decompose)(trials, {**common, **own}, "error", fewer)]
    jobs += [
        delayed(decompose)(
            rows,
            _without(space, some, lacks[code]),
            target,
            replace(settings, bootstrap=settings.bootstrap if target != "finished" else 0),
            maps=target == "error" and code == REFERENCE,
        )
        for code, rows in searches.items()
        for target in TARGETS
    ]
    joint, *results = Parallel(n_jobs=workers)(jobs)
    return TaskAnova(
        settings,
        {name: factor_of(law) for name, law in {**space, **own}.items()},
        fixed,
        {
            code: SearchAnova(
                len(rows),
                int((rows.status == "diverged").sum()),
                **{target: results.pop(0) for target in TARGETS},
                lacks=lacks[code] or None,
                some=tuple(n for n in space if n in some and n not in lacks[code]) or None,
            )
            for code, rows in searches.items()
        },
        joint,
    )


def _without(space: Mapping[str, Law], *names: Sequence[str]) -> dict[str, Law]:
    return {name: law for name, law in space.items() if not any(name in each for each in names)}


def _is_fixed(law: Law) -> TypeGuard[Choice]:
    return isinstance(law, Choice) and len(law.levels) == 1


def decompose(
    rows: pd.DataFrame,
    space: Mapping[str, Law],
    target: Target,
    settings: Settings,
    maps: bool = False,
) -> Anova:
    """Return the decomposition of one target, with ``maps`` those of all pairs too.

    ``error`` is that of all trials, ``finished`` that of those which did not diverge, ``time`` the
    logarithm of the latter's seconds. Trials without a test figure are left out.

    Fractions, curves and maps are of the forest that the settings ask for; estimates and their
    intervals always of the accurate one. Curves of the time are its geometric mean in seconds.
    ASSUME: diverged trials have no training time, which would say when they diverged. Without
    ``maps`` total effects, which take longest, are not computed.
    """
    if target == "finished" and not (rows.status == "diverged").any():
        return Skipped("no trial diverged: see error")
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
        return Skipped(str(error))
    effects = anova.effects_.assign(estimate=best.effects_.mean_forest)
    if settings.bootstrap:
        intervals = best.bootstrap(settings.bootstrap).effects_
        effects = effects.assign(low=intervals.low, high=intervals.high)
    curves = {n: curve_of(anova, n, law, target == "time") for n, law in space.items()}
    grids = {name: grid_of(law, MAP_POINTS) for name, law in space.items()} if maps else {}
    pairs = tuple(map_of(anova, pair, grids) for pair in combinations(grids, 2)) if maps else None
    return Decomposition(len(rows), anova.mean_variance_, _effects(effects), curves, pairs)


def _effects(table: pd.DataFrame) -> tuple[Effect, ...]:
    names = [str(name) for name in table]
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    return tuple(Effect(**dict(zip(names, row, strict=True))) for row in rows)


def curve_of(anova: FunctionalANOVA, name: str, law: Law, logarithmic: bool) -> Marginal:
    """Return the marginal over one factor; of logarithms its geometric mean."""
    mean, std = anova.marginal(name, grid_of(law, CURVE_POINTS))
    if logarithmic:
        mean = np.exp(mean)
        std = mean * std
    return Marginal(tuple(mean.tolist()), tuple(std.tolist()))


def map_of(anova: FunctionalANOVA, pair: tuple[str, str], grids: Mapping[str, Array]) -> PairMap:
    """Return the map of a pair on the grids of its factors."""
    at = grids[pair[0]], grids[pair[1]]
    both = (anova.pair_marginal(pair, *at, interaction=alone) for alone in (False, True))
    return PairMap(pair, *(tuple(map(tuple, grid.tolist())) for grid in both))


def factor_of(law: Law) -> Factor:
    """Return the points of curves and the edges of map cells, in the hyperparameter's values."""
    if isinstance(law, Choice):
        return Factor("levels", law.levels, tuple(range(len(law.levels) + 1)))
    at = tuple(law.quantile(float(u)) for u in grid_of(law, CURVE_POINTS))
    edges = (law.quantile(k / MAP_POINTS) for k in range(MAP_POINTS + 1))
    numbers = tuple(edge for edge in edges if not isinstance(edge, str))
    return Factor(_SCALES[type(law)], at, numbers)


def grid_of(law: Law, points: int) -> Array:
    """Return the cdf values at which a factor is drawn: midpoints, or all levels."""
    if isinstance(law, Choice):
        return np.array([law.cdf(level) for level in law.levels])
    return (np.arange(points) + 0.5) / points
