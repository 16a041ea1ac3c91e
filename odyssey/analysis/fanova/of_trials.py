"""fANOVA of anybody's trials: what is usable, under which laws, and all answers in one record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from odyssey.analysis.fanova.functional_anova import MIN_TRIALS, FunctionalANOVA
from odyssey.analysis.fanova.of_study import MAP_POINTS, curve_of, factor_of, grid_of, map_of
from odyssey.analysis.fanova.questions import Step, ablation, capped, local_importance
from odyssey.analysis.fanova.tables import text_of_law
from odyssey.analysis.fanova.trials import Trials, UnusableTrials
from odyssey.analysis.fanova.usable import Asked, inside, space_of, usable
from odyssey.analysis.records import Effect, Factor, Marginal, PairMap
from odyssey.study.search import Law

#: With more factors maps of all pairs are left out of a page: only those with the largest share.
MOST_MAPS = 10


@dataclass(frozen=True)
class Importance:
    """All answers on the trials of one tool; the figures are lower is better, negated if not.

    ``laws`` are in the form that the command reads; ``inferred`` names those that nobody gave.
    ``conditional`` maps a factor to the number of trials that have it, on which its effects stand.
    """

    target: str
    maximize: bool
    top: float
    trials: int
    laws: Mapping[str, str]
    inferred: tuple[str, ...]
    notes: tuple[str, ...]
    conditional: Mapping[str, int]
    factors: Mapping[str, Factor]
    effects: tuple[Effect, ...]
    curves: Mapping[str, Marginal]
    maps: tuple[PairMap, ...]
    best: Mapping[str, Any]
    local: Mapping[str, float]
    path: tuple[Step, ...]


@dataclass(frozen=True)
class Selection:
    """The trials that are usable, their figures, the laws of their factors, and what was not.

    ``inferred`` names the laws that nobody gave.
    """

    target: str
    maximize: bool
    table: pd.DataFrame
    y: Any
    space: Mapping[str, Law]
    inferred: tuple[str, ...]
    notes: tuple[str, ...]


def selected(trials: Trials, asked: Asked) -> Selection:
    """Return the usable trials; UnusableTrials if they are too few."""
    table, y, notes = usable(trials, asked)
    space, guessed, more = space_of(trials, asked, table)
    table, y, outside = inside(trials, table, y, space)
    notes += more + outside
    if len(y) < MIN_TRIALS:
        raise UnusableTrials(
            f"fANOVA needs at least {MIN_TRIALS} usable trials, there are {len(y)}: "
            f"{'; '.join(notes) or 'the table has no more'}"
        )
    return Selection(asked.target, asked.maximize, table, y, space, tuple(guessed), tuple(notes))


def importance(
    trials: Trials, asked: Asked, progress: Callable[[str, float], None] = lambda *_: None
) -> Importance:
    """Return all answers; ``progress`` is told what is done and which share is. UnusableTrials."""
    chosen = selected(trials, asked)
    table, y, space, notes = chosen.table, chosen.y, chosen.space, list(chosen.notes)
    signed = -y if asked.maximize else y
    figures = capped(signed, asked.top)
    optional = [name for name in space if table[name].isna().any()]
    always = {name: law for name, law in space.items() if name not in optional}
    groups = list(_groups(table, space, always, optional))
    effects: list[Effect] = []
    curves: dict[str, Marginal] = {}
    maps: list[PairMap] = []
    first: FunctionalANOVA | None = None
    for k, (own, rows, laws) in enumerate(groups):
        progress(", ".join(own) or "all factors", k / len(groups))
        try:
            anova = _fitted(table[rows], figures[rows], laws, asked)
        except ValueError as error:
            if not own:
                raise UnusableTrials(str(error)) from error
            notes.append(f"{own[0]}: {rows.sum()} trials have it: {error}")
            continue
        if own:
            notes.append(
                f"{own[0]}: {rows.sum()} of {len(y)} trials have it, its effects are theirs"
            )
        else:
            first = anova
        effects += _effects(anova, own)
        for name in own or laws:
            curves[name] = _of_figures(curve_of(anova, name, laws[name], False), asked.maximize)
        maps += [_signed(m, asked.maximize) for m in _maps(anova, own, laws)]
    if not effects:
        raise UnusableTrials("; ".join(notes))
    best, local, path = _at_best(first, always, table, signed, asked)
    progress("done", 1.0)
    return Importance(
        asked.target,
        asked.maximize,
        asked.top,
        len(y),
        {name: text_of_law(name, law) for name, law in space.items()},
        chosen.inferred,
        tuple(notes),
        {name: int(table[name].notna().sum()) for name in optional},
        {name: factor_of(space[name]) for name in curves},
        tuple(effects),
        curves,
        tuple(maps),
        best,
        local,
        tuple(path),
    )


def _groups(
    table: pd.DataFrame,
    space: Mapping[str, Law],
    always: Mapping[str, Law],
    optional: Sequence[str],
) -> Iterator[tuple[tuple[str, ...], Any, dict[str, Law]]]:
    """Yield what is decomposed together: its conditional factor if any, its rows, its laws.

    First all rows by the factors that every trial has, then for each conditional factor the trials
    that have it.
    """
    if always:
        yield (), np.ones(len(table), bool), dict(always)
    for name in optional:
        has = table[name].notna().to_numpy()
        others = {n: space[n] for n in optional if n != name and table[n][has].notna().all()}
        beside = {n: law for n, law in {**always, **others}.items() if table[n][has].nunique() > 1}
        yield (name,), has, {name: space[name], **beside}


def _fitted(table: pd.DataFrame, y: Any, laws: Mapping[str, Law], asked: Asked) -> FunctionalANOVA:
    anova = FunctionalANOVA(
        laws,
        trees=asked.trees,
        setting=asked.setting,
        totals=asked.totals,
        random_state=asked.seed,
        workers=asked.workers,
    ).fit(table, y)
    return anova.bootstrap(asked.bootstrap) if asked.bootstrap else anova


def _effects(anova: FunctionalANOVA, own: Sequence[str]) -> list[Effect]:
    """Return the effects of all factors, or of ``own`` and its pairs alone."""
    found = []
    for row in anova.effects_.to_dict("records"):
        if np.isnan(row["mean_forest"]) or (own and own[0] not in row["factors"]):
            continue
        interval = {k: float(row[k]) for k in ("low", "high") if k in row}
        numbers = (float(row[k]) for k in ("fraction", "std", "mean_forest", "mean_forest"))
        found.append(Effect(row["kind"], row["factors"], *numbers, **interval))
    return found


def _of_figures(curve: Marginal, maximize: bool) -> Marginal:
    return Marginal(tuple(-v for v in curve.mean), curve.std) if maximize else curve


def _signed(pair: PairMap, maximize: bool) -> PairMap:
    if not maximize:
        return pair
    sides = (
        tuple(tuple(-v for v in row) for row in side) for side in (pair.marginal, pair.interaction)
    )
    return PairMap(pair.factors, *sides)


def _maps(anova: FunctionalANOVA, own: Sequence[str], laws: Mapping[str, Law]) -> list[PairMap]:
    """Return the maps of the pairs with the largest shares."""
    pairs = [pair for pair in combinations(laws, 2) if not own or own[0] in pair]
    pairs.sort(key=lambda pair: -float(anova.fraction(*pair)["mean_forest"]))
    kept = pairs[: MOST_MAPS if not own else 1]
    return [map_of(anova, pair, {n: grid_of(laws[n], MAP_POINTS) for n in pair}) for pair in kept]


def _at_best(
    anova: FunctionalANOVA | None,
    laws: Mapping[str, Law],
    table: pd.DataFrame,
    y: Any,
    asked: Asked,
) -> tuple[dict[str, Any], dict[str, float], list[Step]]:
    """Return the best trial's setting, the local importance there, the path to it."""
    if anova is None:
        return {}, {}, []
    best = {name: _plain(table[name].iloc[int(np.argmin(y))]) for name in laws}
    path: list[Step] = []
    if asked.default:
        try:
            path = ablation(anova, asked.default, best)
        except ValueError as error:
            raise UnusableTrials(f"--default: {error}") from error
    if asked.maximize:
        path = [Step(step.factor, -step.value) for step in path]
    return best, local_importance(anova, best), path


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
