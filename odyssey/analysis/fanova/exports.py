"""Anybody's trials for other tools: a study in an Optuna storage, a run that DeepCAVE opens.

What is written are the usable trials with the laws under which they were decomposed. Format of the
run: DeepCAVE's DataFrameRun, the tables configspace.csv and trials.csv in one folder.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from odyssey.analysis.fanova.of_trials import Selection
from odyssey.analysis.fanova.trials import UnusableTrials
from odyssey.study.search import Choice, Law, LogUniform, OneMinusLogUniform


def to_optuna(chosen: Selection, storage: str, name: str) -> int:
    """Write trials as study ``name`` of an Optuna storage and return their number.

    Raises UnusableTrials where Optuna is missing, or the storage can't be written or has the study.
    """
    try:
        import optuna
    except ImportError as error:
        raise UnusableTrials(f"{storage}: writing it needs optuna: pip install optuna") from error
    from odyssey.analysis.fanova.optuna_trials import as_study

    table = chosen.table.assign(**{chosen.target: chosen.y})
    direction = "maximize" if chosen.maximize else "minimize"
    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = as_study(
            table,
            chosen.space,
            chosen.target,
            storage=storage,
            study_name=name,
            direction=direction,
        )
    except optuna.exceptions.DuplicatedStudyError as error:
        raise UnusableTrials(f"{storage} holds a study {name!r} already: write another") from error
    except Exception as error:  # a storage is any database
        raise UnusableTrials(f"{storage}: {' '.join(str(error).split())[:200]}") from error
    finally:
        optuna.logging.set_verbosity(loud)
    return len(study.trials)


def to_deepcave(chosen: Selection, folder: Path) -> int:
    """Write trials as a run that DeepCAVE opens and return their number.

    It has no conditional hyperparameters: those stand aside, as further columns. Levels that are no
    words become words, as size=16, for it reads others as numbers; x of which 1 − x is drawn
    log-uniformly becomes 1-x. Trials without a time in seconds take none.
    """
    always = {n: law for n, law in chosen.space.items() if not chosen.table[n].isna().any()}
    if not always:
        raise UnusableTrials(f"{folder}: DeepCAVE needs a factor that every trial has")
    metric = re.sub(r"\W", "_", chosen.target)
    goal = "maximize" if chosen.maximize else "minimize"
    took = _seconds(chosen.table)
    ends = np.cumsum(took)
    columns: dict[str, Any] = {
        "config_id": range(len(chosen.y)),
        f"metric:{metric} [-inf; +inf] ({goal})": chosen.y,
        "start_time": ends - took,
        "end_time": ends,
        "status": "success",
    }
    for name, law in always.items():
        columns[_name(name, law)] = [_value(name, law, v) for v in chosen.table[name]]
    for name in chosen.space.keys() - always.keys():
        columns[name] = chosen.table[name].to_numpy()
    folder.mkdir(parents=True, exist_ok=True)
    space = pd.DataFrame([_parameter(name, law) for name, law in always.items()])
    space.to_csv(folder / "configspace.csv", index=False)
    pd.DataFrame(columns).to_csv(folder / "trials.csv", index=False)
    return len(chosen.y)


def _seconds(table: pd.DataFrame) -> np.ndarray[Any, Any]:
    given = table["seconds"] if "seconds" in table else pd.Series(0.0, index=table.index)
    numbers = pd.to_numeric(given, errors="coerce").to_numpy(float)
    return np.where(np.isfinite(numbers), numbers, 0.0)


def _name(name: str, law: Law) -> str:
    return f"1-{name}" if isinstance(law, OneMinusLogUniform) else name


def _value(name: str, law: Law, value: Any) -> Any:
    if isinstance(law, Choice):
        return value if _is_word(value) else f"{name}={value}"
    if isinstance(law, OneMinusLogUniform):
        return min(max(1 - float(value), law.low), law.high)
    return int(value) if law.integer else float(value)


def _is_word(value: Any) -> bool:
    """Whether a table of this value is read as text again."""
    if not isinstance(value, str) or value in ("True", "False", "TRUE", "FALSE", "true", "false"):
        return False
    return bool(pd.isna(pd.to_numeric(pd.Series([value]), errors="coerce")).all()) and value != ""


def _parameter(name: str, law: Law) -> Mapping[str, Any]:
    """Return a row of configspace.csv."""
    own: dict[str, Any] = {"name": _name(name, law), "default": None, "ordered": None}
    if isinstance(law, Choice):
        levels = [_value(name, law, level) for level in law.levels]
        items = {f"item_{k}": level for k, level in enumerate(levels)}
        given = {"type": "categorical", "log": False, "default": levels[0], "ordered": False}
        return own | given | items
    low, high = law.low, law.high  # type: ignore[attr-defined]
    logarithmic = isinstance(law, LogUniform | OneMinusLogUniform)
    kind = "integer" if law.integer else "float"
    bounds = (
        {"lower": int(low), "upper": int(high)} if law.integer else {"lower": low, "upper": high}
    )
    return own | {"type": kind, **bounds, "log": logarithmic}
