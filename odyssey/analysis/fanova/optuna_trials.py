"""Optuna studies as trials, and trials as an Optuna study: its distributions are the laws."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from odyssey.analysis.fanova.trials import Trials, UnusableTrials
from odyssey.study.search import Choice, Law, LogUniform, OneMinusLogUniform, Uniform


def law_of(distribution: Any) -> Law:
    """Return the law of an Optuna distribution; one value alone is a choice among one."""
    if hasattr(distribution, "choices"):
        return Choice(tuple(distribution.choices))
    low, high = distribution.low, distribution.high
    if low == high:
        return Choice((low,))
    kind = LogUniform if distribution.log else Uniform
    return kind(low, high, isinstance(low, int))


def distribution_of(law: Law) -> Any:
    """Return the Optuna distribution of a law; 1 − x log-uniform has none and becomes uniform."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(law, Choice):
        return CategoricalDistribution(law.levels)
    low, high = law.extremes
    if isinstance(law, OneMinusLogUniform):
        low, high = high, low
    if law.integer:
        return IntDistribution(int(low), int(high), log=isinstance(law, LogUniform))
    return FloatDistribution(float(low), float(high), log=isinstance(law, LogUniform))


def read_optuna(storage: str, name: str | None = None) -> Trials:
    """Return the finished trials of a study in an Optuna storage; UnusableTrials if it can't be."""
    try:
        import optuna
    except ImportError as error:
        raise UnusableTrials(f"{storage}: reading it needs optuna: pip install optuna") from error
    if storage.startswith("sqlite:///"):
        from pathlib import Path

        path = storage.removeprefix("sqlite:///")
        if not Path(path).is_file():  # Optuna would make an empty one
            raise UnusableTrials(f"{storage}: no such file: {path}")
    try:
        names = optuna.get_all_study_names(storage)
        if name is None and len(names) != 1:
            raise UnusableTrials(
                f"{storage} holds {len(names)} studies, {', '.join(names) or 'none'}: name one "
                "with --study"
            )
        study = optuna.load_study(study_name=name or names[0], storage=storage)
    except UnusableTrials:
        raise
    except KeyError as error:
        held = ", ".join(names)
        raise UnusableTrials(f"{storage} holds no study {name!r}; it holds {held}") from error
    except Exception as error:  # a storage is any database
        raise UnusableTrials(f"{storage}: {' '.join(str(error).split())[:200]}") from error
    return of_study(study)


def of_study(study: Any) -> Trials:
    """Return the finished trials of an Optuna study and count the others by their state.

    Objectives are columns ``value``, or ``values_0``, ``values_1``, … Where a parameter's
    range changed over time the widest of all trials counts.
    """
    trials = study.get_trials(deepcopy=False)
    done = [t for t in trials if t.state.name == "COMPLETE"]
    others = Counter(t.state.name.lower() for t in trials if t.state.name != "COMPLETE")
    count = len(study.directions)
    targets = ["value"] if count == 1 else [f"values_{k}" for k in range(count)]
    rows = [dict(zip(targets, t.values, strict=True)) | t.params for t in done]
    table = pd.DataFrame(rows, index=[t.number for t in done])
    return Trials(table, _laws(done), targets, dict(others), line=0)


def _laws(trials: list[Any]) -> dict[str, Law]:
    found: dict[str, Law] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            found[name] = _wider(found.get(name), law_of(distribution))
    return found


def _wider(one: Law | None, two: Law) -> Law:
    """Return the law that holds the values of both."""
    if one is None or one == two:
        return two
    if isinstance(one, Choice) or isinstance(two, Choice) or type(one) is not type(two):
        return Choice(tuple(dict.fromkeys([*one.extremes, *two.extremes])))
    low, high = (one.extremes[k] for k in (0, 1))
    other_low, other_high = (two.extremes[k] for k in (0, 1))
    ends = min(low, other_low), max(high, other_high)
    return type(two)(*ends, two.integer)  # type: ignore[call-arg]


def as_study(table: pd.DataFrame, space: Mapping[str, Law], target: str, **options: Any) -> Any:
    """Return trials as an Optuna study in memory; ``options`` go to ``optuna.create_study``."""
    import optuna

    study = optuna.create_study(**options)
    distributions = {name: distribution_of(law) for name, law in space.items()}
    for _, row in table.iterrows():
        given = [name for name in space if not pd.isna(row[name])]
        study.add_trial(
            optuna.trial.create_trial(
                params={name: _native(row[name], space[name]) for name in given},
                distributions={name: distributions[name] for name in given},
                value=float(row[target]),
            )
        )
    return study


def _native(value: Any, law: Law) -> Any:
    if isinstance(law, Choice):
        return next(level for level in law.levels if level == value)
    return int(value) if law.integer else float(value)
