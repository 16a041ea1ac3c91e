"""fANOVA of anybody's trials: what is usable, under which laws, and all answers in one record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from odyssey.analysis.fanova.functional_anova import MIN_TRIALS, FunctionalANOVA
from odyssey.analysis.fanova.of_study import MAP_POINTS, curve_of, factor_of, grid_of, map_of
from odyssey.analysis.fanova.questions import Step, ablation, capped, local_importance
from odyssey.analysis.fanova.tables import inferred, text_of_law
from odyssey.analysis.fanova.trials import Trials, UnusableTrials
from odyssey.analysis.records import Effect, Factor, Marginal, PairMap
from odyssey.study.search import Choice, Law

#: Columns that tools write beside the hyperparameters.
NO_FACTORS = frozenset(
    (
        *("number", "state", "datetime_start", "datetime_complete", "duration", "trial", "seed"),
        *("task", "variant", "status", "host", "source", "epochs", "best_epoch", "seconds"),
        *("diverged_epoch", "parameters", "valid", "test", "worst", "Name", "ID", "Created"),
        *("Runtime", "End", "Hostname", "State", "User", "Tags", "Sweep", "Notes", "Updated"),
        *("trial_id", "experiment_id", "date", "timestamp", "pid", "node_ip", "hostname", "done"),
        *("time_total_s", "time_this_iter_s", "time_since_restore", "training_iteration"),
        *("iterations_since_restore", "experiment_tag", "should_checkpoint"),
    )
)
#: With more factors maps of all pairs are left out of a page: only those with the largest share.
MOST_MAPS = 10
BAD_ROWS_SHOWN = 5


@dataclass(frozen=True)
class Asked:
    """What is asked of the trials.

    ``top`` is the best share, 1 for all; ``default`` a setting from which the ablation starts.
    """

    target: str
    maximize: bool = False
    laws: Mapping[str, Law] = field(default_factory=dict)
    only: Sequence[str] = ()
    without: Sequence[str] = ()
    top: float = 1.0
    trees: int = 64
    setting: Any = "accurate"
    totals: bool = False
    bootstrap: int = 0
    seed: int = 0
    workers: int = 1
    default: Mapping[str, Any] = field(default_factory=dict)


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


def importance(
    trials: Trials, asked: Asked, progress: Callable[[str, float], None] = lambda *_: None
) -> Importance:
    """Return all answers; ``progress`` is told what is done and which share is. UnusableTrials."""
    table, y, notes = _usable(trials, asked)
    space, guessed, more = _space(trials, asked, table)
    table, y, outside = _inside(trials, table, y, space)
    notes += more + outside
    if len(y) < MIN_TRIALS:
        raise UnusableTrials(
            f"fANOVA needs at least {MIN_TRIALS} usable trials, there are {len(y)}: "
            f"{'; '.join(notes) or 'the table has no more'}"
        )
    signed = -y if asked.maximize else y
    figures = capped(signed, asked.top)
    optional = [name for name in space if table[name].isna().any()]
    always = {name: law for name, law in space.items() if name not in optional}
    groups: list[tuple[tuple[str, ...], Any, dict[str, Law]]] = []
    if always:
        groups.append(((), np.ones(len(y), bool), always))
    for name in optional:
        has = table[name].notna().to_numpy()
        others = {n: space[n] for n in optional if n != name and table[n][has].notna().all()}
        beside = {n: law for n, law in (always | others).items() if table[n][has].nunique() > 1}
        groups.append(((name,), has, {name: space[name], **beside}))
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
        tuple(guessed),
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


def _usable(trials: Trials, asked: Asked) -> tuple[pd.DataFrame, np.ndarray[Any, Any], list[str]]:
    """Return the rows with a finite target, their figures, and what was left out."""
    table = trials.table
    if asked.target not in table:
        near = [n for n in map(str, table.columns) if n not in NO_FACTORS] or list(table.columns)
        raise UnusableTrials(
            f"no column {asked.target!r} for --target; there are {', '.join(map(str, near[:12]))}"
        )
    y = pd.to_numeric(table[asked.target], errors="coerce").to_numpy(float)
    good = np.isfinite(y)
    notes = [f"{count} trials left out: {state}" for state, count in trials.left_out.items()]
    notes += _named(trials, table[asked.target][~good], np.flatnonzero(~good), "no finite number")
    return table[good], y[good], notes


def _named(trials: Trials, values: pd.Series, places: Any, why: str) -> list[str]:
    """Return bad rows by their line, the first ones each, the others as a number."""
    named = [
        f"{trials.row} {_line(trials, label)}: {values.name} is {value!r}, {why}"
        for label, value in values.iloc[:BAD_ROWS_SHOWN].items()
    ]
    rest = len(values) - len(named)
    return named + [f"{rest} more rows whose {values.name} is {why}"] * (rest > 0)


def _line(trials: Trials, label: Any) -> Any:
    return label + trials.line if isinstance(label, int) else label


def _space(
    trials: Trials, asked: Asked, table: pd.DataFrame
) -> tuple[dict[str, Law], list[str], list[str]]:
    """Return the laws of all factors, those inferred, and why a column is no factor."""
    known = {**trials.laws, **asked.laws}
    unknown = [n for n in (*asked.laws, *asked.only, *asked.without) if n not in table]
    if unknown:
        raise UnusableTrials(f"no column {unknown[0]!r}; there are {', '.join(map(str, table))}")
    chosen = list(asked.only) or [
        str(name)
        for name in (trials.laws or table.columns)
        if (name not in NO_FACTORS and name not in trials.targets) or name in known
    ]
    chosen += [name for name in asked.laws if name not in chosen]
    space: dict[str, Law] = {}
    guessed, notes = [], []
    for name in chosen:
        if name in asked.without or name == asked.target or name not in table:
            continue
        law = known.get(name)
        if law is None:
            law = inferred(table[name])
            if law is None:
                notes.append(f"{name} is no factor: it has one value, or words that hardly repeat")
                continue
            guessed.append(name)
        if isinstance(law, Choice) and len(law.levels) < 2:
            notes.append(f"{name} is no factor: it is fixed at {law.levels[0]}")
            continue
        space[name] = law
    if not space:
        raise UnusableTrials("no column is a factor: name one with --law NAME=LAW:LOW:HIGH")
    return space, guessed, notes


def _inside(
    trials: Trials, table: pd.DataFrame, y: Any, space: Mapping[str, Law]
) -> tuple[pd.DataFrame, Any, list[str]]:
    """Return the rows whose values lie in the declared ranges, and which do not."""
    good, notes = np.ones(len(table), bool), []
    for name, law in space.items():
        values = table[name]
        bad = np.array([not _fits(law, value) for value in values])
        notes += _named(trials, values[bad], None, f"not of {text_of_law(name, law)}")
        good &= ~bad
    return table[good], y[good], notes


def _fits(law: Law, value: Any) -> bool:
    if pd.isna(value):
        return True
    try:
        law.cdf(value)
    except (ValueError, TypeError):
        return False
    return True


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
