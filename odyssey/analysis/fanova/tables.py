"""Trials of other tools as one table: what was tried, what came out, what is not usable and why.

A reader returns columns by name, the laws it knows, and how many trials it left out and why.
Laws that nobody gave are inferred from the values, and said in the form in which they are given.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from odyssey.analysis.fanova.trials import Trials, UnusableTrials
from odyssey.study.search import LAWS, Choice, Law, LogUniform, Uniform, parse_law

#: A column with at most this many different values, each met again, is taken as levels.
MOST_LEVELS = 10
#: Positive values must span this ratio to be taken as drawn in logarithms.
LOG_RATIO = 100.0
_WORDS = {law: name for name, law in LAWS.items()}


def read_trials_of(source: str, study: str | None = None) -> Trials:
    """Return the trials of a CSV or Parquet file, an Optuna storage URL, or a Ray Tune folder.

    ``study`` names one of several studies of a storage. Raises UnusableTrials.
    """
    if "://" in source:
        from odyssey.analysis.fanova.optuna_trials import read_optuna

        return read_optuna(source, study)
    path = Path(source)
    if not path.exists():
        raise UnusableTrials(f"{source}: no such file or folder")
    try:
        if path.is_dir():
            return _ray(path)
        if path.suffix in (".parquet", ".pq"):
            return Trials(_parquet(path), row="row")
        return _csv(path)
    except UnusableTrials:
        raise
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UnusableTrials(f"{source}: {' '.join(str(error).split())}") from error


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        fits = "pyarrow" if int(np.__version__.split(".")[0]) > 1 else "pyarrow<22"
        raise UnusableTrials(
            f'{path}: reading Parquet needs pyarrow: pip install "{fits}", or give a CSV'
        ) from error


def _csv(path: Path) -> Trials:
    table = pd.read_csv(path, skip_blank_lines=False, float_precision="round_trip")
    state = "State" if "State" in table and "Created" in table else None  # as W&B exports runs
    if state is None:
        return Trials(table, line=2, row="line")
    ended = table[state].isin(["finished", "FINISHED"])
    return Trials(table[ended], left_out=_counts(table[state][~ended]), line=2, row="line")


def _ray(folder: Path) -> Trials:
    """Read the last result of every trial of a Ray Tune experiment: params.json, result.json.

    A trial that failed has an error.txt, whatever it reported before.
    """
    rows, left_out = [], Counter[str]()
    for file in sorted(folder.rglob("result.json")):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        if file.with_name("error.txt").exists() or not lines:
            left_out["without a result" if not lines else "failed"] += 1
            continue
        last = json.loads(lines[-1])
        given = file.with_name("params.json")
        config = json.loads(given.read_text(encoding="utf-8")) if given.exists() else None
        config = last.pop("config", {}) if config is None else config
        numbers = {k: v for k, v in last.items() if isinstance(v, int | float)}
        rows.append(numbers | flat(config))
    if not rows:
        raise UnusableTrials(f"{folder}: a Ray Tune folder needs a trial with a result.json")
    return Trials(pd.DataFrame(rows), left_out=dict(left_out))


def flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings under names joined by slashes, as Ray Tune writes them."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}/")
        else:
            found[f"{before}{name}"] = str(value) if isinstance(value, list) else value
    return found


def _counts(states: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(str(state) for state in states))


def law_of_text(text: str) -> tuple[str, Law]:
    """Return name and law of NAME=LAW:LOW:HIGH[:integer] or NAME=choice:A,B,C."""
    name, _, entry = text.partition("=")
    kind, _, rest = entry.partition(":")
    try:
        if kind == "choice":
            return name, Choice(tuple(value_of(level) for level in rest.split(",")))
        low, high, *more = rest.split(":")
        if not name or more not in ([], ["integer"]):
            raise ValueError
        given = {"law": kind, "low": float(low), "high": float(high), "integer": bool(more)}
        return name, parse_law(given)
    except (ValueError, KeyError) as error:
        reason = f" ({error})" if str(error) and isinstance(error, ValueError) else ""
        raise UnusableTrials(
            "a law must be NAME=LAW:LOW:HIGH, with :integer behind for whole numbers, or "
            f"NAME=choice:A,B; laws are {', '.join(LAWS)}; got {text!r}{reason}"
        ) from error


def text_of_law(name: str, law: Law) -> str:
    """Return a law in the form that ``law_of_text`` reads."""
    if isinstance(law, Choice):
        return f"{name}=choice:{','.join(str(level) for level in law.levels)}"
    low, high = law.low, law.high  # type: ignore[attr-defined]
    return f"{name}={_WORDS[type(law)]}:{low:.10g}:{high:.10g}{':integer' * law.integer}"  # type: ignore[index]


def value_of(text: str) -> Any:
    """Return the number, truth value or word that a text stands for."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "True": True, "false": False, "False": False}.get(text, text)


def inferred(values: pd.Series) -> Law | None:
    """Return the law that a column looks drawn from; None where it says nothing.

    Words and few values that come again are levels. Positive values over two decades whose
    logarithms are more evenly spread than themselves are logarithmic. Words among numbers that come
    once each, and are one in twenty at most, are slips.
    """
    values = values.dropna()
    numbers = pd.to_numeric(values, errors="coerce").dropna() if values.dtype != bool else None
    if numbers is None or not _are_slips(values[~values.index.isin(numbers.index)], len(values)):
        levels = sorted(values.unique(), key=str)
        return Choice(tuple(levels)) if 1 < len(levels) <= max(2, len(values) // 3) else None
    different = np.unique(numbers)
    if len(different) < 2 or not np.all(np.isfinite(different)):
        return None
    if len(different) <= min(MOST_LEVELS, len(values) // 3):
        return Choice(tuple(_plain(value) for value in different))
    low, high = float(different[0]), float(different[-1])
    whole = bool(np.all(different % 1 == 0))
    if low > 0 and high / low >= LOG_RATIO and _looks_logarithmic(numbers.to_numpy(float)):
        return LogUniform(low, high, whole)
    return Uniform(low, high, whole) if math.isfinite(high - low) else None


def _are_slips(words: pd.Series, values: int) -> bool:
    return bool(words.is_unique and len(words) <= values / 20)


def _looks_logarithmic(values: NDArray[np.float64]) -> bool:
    """Whether the logarithms lie closer to a uniform law than the values: Kolmogorov's distance."""
    even = (np.arange(len(values)) + 0.5) / len(values)
    apart = []
    for own in (np.sort(values), np.log(np.sort(values))):
        apart.append(np.max(np.abs((own - own[0]) / (own[-1] - own[0]) - even)))
    return bool(apart[1] < apart[0])


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
