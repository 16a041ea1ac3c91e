"""The data inside the page: all trials and their learning curves, as short JSON."""

import base64
import gzip
import json

import numpy as np
import pandas as pd


def table_of(trials: pd.DataFrame) -> dict[str, list[object]]:
    """Return the trials by column, figures rounded to six digits."""
    columns = {}
    for name in trials.columns:
        columns[str(name)] = [_short(value, 6) for value in trials[name].tolist()]
    return columns


def curves_of(trials: pd.DataFrame, curves: pd.DataFrame) -> dict[str, list[list[object]]]:
    """Return each trial's valid and test figure by epoch, in the order of the table."""
    names, identity = ["valid", "test"], ["task", "variant", "trial"]
    known = {}
    if len(curves):
        groups = curves.sort_values("epoch").groupby(identity)[names]
        known = {key: group.to_numpy(float) for key, group in groups}
    keys = zip(trials.task, trials.variant, trials.trial, strict=True)
    ordered = [known.get(key, np.empty((0, 2))) for key in keys]
    return {
        name: [[_short(value, 4) for value in rows[:, k].tolist()] for rows in ordered]
        for k, name in enumerate(names)
    }


def _short(value: object, digits: int) -> object:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if np.isfinite(value) else None
    return value


def packed(value: object) -> str:
    """Return a value as JSON, gzipped, in base64."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text, mtime=0)).decode()


def script_safe(value: object) -> str:
    """Return a value as JSON that no script element ends in."""
    return json.dumps(value, separators=(",", ":"), default=int).replace("<", "\\u003c")
