"""Tasks that a study's own data describe: ``data: {moods: {source: arrays, path: moods.h5, …}}``.

What the row must know of the file (inputs, outputs, sizes) is read once and noted beside the
prepared data. While the file stays as it is, a study then opens as fast as one without. .smk files
import this: no NumPy unless there is a file to look into.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from odyssey.losses import get_loss
from odyssey.storage.files import replacing
from odyssey.tasks import TASKS, tree
from odyssey.tasks.source import PATH, SEED, Option, Source, Value
from odyssey.tasks.task import Size, Task

#: The name of the source under ``data`` in a study file.
NAME = "arrays"
OPTIONS = {
    "path": PATH,
    "loss": Option("What is minimised, by its name in odyssey/losses.", required=True),
    "bidirectional": Option("Whether the network reads both ways.", bool, default=False),
    "normalise": Option(
        "Whether each input is scaled to mean 0 and variance 1 on the training set.",
        bool,
        default=True,
    ),
    "valid_fraction": Option(
        "Share of the training sequences that become the validation set where there is none.",
        *(float, 0.001, 0.9),
    ),
    "seed": SEED,
    "outputs": Option(
        "Outputs of the network, where the data do not tell: not every label comes.",
        *(int, 1, 100_000),
    ),
    "title": Option("What the task is called in figures and the report; else its name."),
    "unit": Option("Unit of the figure of merit; else the loss's."),
}
SOURCE = Source("odyssey.tasks.readers.arrays:read", "data of one's own", OPTIONS)
#: Options on which what is noted of a file depends.
_READ_WITH = ("path", "loss", "valid_fraction", "seed", "outputs")


@dataclass(frozen=True)
class Facts:
    """What a row must know of its data; ``zero`` is the figure of outputs that are all 0."""

    inputs: int
    outputs: int
    train: int
    valid: int
    test: int
    frames: float
    zero: float


def describes(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry under ``data`` describes a task of its own."""
    return entry.get("source") == NAME


def check_entry(name: str, entry: Mapping[str, Any]) -> None:
    """Raise ValueError, without a look at the data, for options that there are not."""
    for key, value in entry.items():
        if key != "source":
            _check_known(key)
            try:
                OPTIONS[key].check(value)
            except ValueError as error:
                raise ValueError(f"{key} {error}") from error
    lacking = [key for key, row in OPTIONS.items() if row.required and entry.get(key) is None]
    if lacking:
        raise ValueError(f"{name} must have a {' and a '.join(lacking)}")
    get_loss(entry["loss"])


def parse_options(texts: Mapping[str, str]) -> dict[str, Value]:
    """Return the entry of options that are given as texts; ValueError for what there is not."""
    for key in texts:
        _check_known(key)
    return {key: OPTIONS[key].parse(text) for key, text in texts.items()}


def register_arrays(name: str, entry: Mapping[str, Any], note: Path | None = None) -> Task:
    """Make the task of an entry known, its path without ~ and variables, and return it.

    ``note`` is the file in which what was found in the data is kept. Raises ValueError, in one
    line, for an entry or for data that describe no task.
    """
    check_entry(name, entry)
    TASKS.check_free(name)
    options = {key: value for key, value in entry.items() if key != "source" and value is not None}
    return TASKS.put(name, _task(name, options, _facts(name, options, note)))


def _check_known(key: str) -> None:
    if key not in OPTIONS:
        raise ValueError(f"arrays have no option {key}: use {', '.join(sorted(OPTIONS))}")


def _task(name: str, options: Mapping[str, Any], facts: Facts) -> Task:
    loss, both = get_loss(options["loss"]), bool(options.get("bidirectional", False))
    worst = loss.worst(facts.outputs)
    return Task(
        name=name,
        title=options.get("title", name),
        inputs=facts.inputs,
        outputs=facts.outputs,
        bidirectional=both,
        loss=loss.name,
        sources={NAME: SOURCE},
        unit=options.get("unit", ""),
        worst=facts.zero if worst == float("inf") else worst,
        size=Size(facts.train, facts.valid, facts.test, facts.frames),
        decisive={"loss": loss.name, "outputs": facts.outputs, "bidirectional": both},
    )


def _facts(name: str, options: Mapping[str, Any], note: Path | None) -> Facts:
    path = Path(options["path"])
    state, asked = tree.state(path), {key: options.get(key) for key in _READ_WITH}
    if note and (kept := _noted(note, state, asked)):
        return kept
    if not state:
        raise ValueError(f"{path}: there must be a file or a folder with files, is none")
    facts = _read(name, options)
    if note:
        with suppress(OSError), replacing(note) as draft:  # a folder that is closed: read again
            text = json.dumps({"state": state, "options": asked, "facts": asdict(facts)})
            draft.write_text(text, encoding="utf-8")
    return facts


def _noted(note: Path, state: str, asked: Mapping[str, Any]) -> Facts | None:
    """Return what is noted of data that look as they did then, or are no longer there."""
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        if found["options"] == asked and state in ("", found["state"]):
            return Facts(**found["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _read(name: str, options: Mapping[str, Any]) -> Facts:
    """Read the data as preparation does, so that what is wrong with them is said at once."""
    from odyssey.tasks.measure import measure

    return Facts(
        **measure(lambda ends: _task(name, options, Facts(*ends, 1, 1, 1, 1.0, 1.0)), options)
    )
