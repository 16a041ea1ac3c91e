"""A config against the rows: tasks, sources, options and hyperparameters that there are.

The schema tells the shape of a config; names and values are those of the rows, also of extensions.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from odyssey.networks.cells import Cell, get_cell, has_kernels, without_names
from odyssey.networks.spec import MOST_HIDDEN_GPU
from odyssey.storage.paths import expanded
from odyssey.study.config_error import ConfigError, at
from odyssey.study.config_schema import yaml_hint
from odyssey.study.hyperparameters import HYPERPARAMETERS, Hyperparameter, get_hyperparameter
from odyssey.study.search import levels_of, parse_law
from odyssey.tasks import Option, Task, get_task
from odyssey.tasks.arrays import check_entry, describes

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def check_names(config: Mapping[str, Any], variants: Iterable[str]) -> None:
    """Raise ConfigError for a task, source, option, hyperparameter or variant that is none."""
    described = [name for name, entry in config.get("data", {}).items() if describes(entry)]
    for place in ("tasks", "data", "task_settings"):
        for name in config.get(place, ()):
            if name not in described or name in config["tasks"]:
                with at(place):
                    get_task(name)
    with at("variants"):
        _check_variants(variants)
    for place, names in _search_spaces(config).items():
        for name in names:
            with at(place):
                get_hyperparameter(name)
    for task, entry in config.get("data", {}).items():
        if task not in described:
            _check_data(get_task(task), entry)
        elif task not in config["tasks"]:  # what is run was checked before it was read
            with at(f"data.{task}"):
                check_entry(task, entry)
    for task in config["tasks"]:
        source_of(config, task)
        _check_required(config, task)


def check_folders(config: Mapping[str, Any]) -> None:
    """Raise ConfigError for a folder that can't be one of the workflow's."""
    for name in ("results", "data_folder"):
        with at(name):
            if re.search(r"[{}\x00-\x1f]", str(expanded(config[name]))):
                raise ValueError(
                    f"must be a path without braces and control characters, got {config[name]!r}"
                )


def check_gpu(variants: Iterable[str], tasks: Iterable[str]) -> None:
    """Raise ConfigError for cells that the GPU kernels don't know, which those tasks need."""
    others = [code for code in variants if not has_kernels(get_cell(code), "gpu")]
    for task in tasks if others else ():
        raise ConfigError(
            f"config: variants: the GPU kernels don't know {', '.join(others)}: set the device "
            f"of {task} to cpu, or kernels to gluon"
        )


def check_laws(config: Mapping[str, Any], task: str, on_gpu: bool) -> None:
    """Raise ConfigError for a law of a task that draws what no network can train with."""
    own = entry_of(config, "task_settings", task).get("search_space", {})
    for name, entry in search_space_of(config, task).items():
        place = f"task_settings.{task}.search_space" if name in own else "search_space"
        with at(f"{place}.{name}"):
            row = get_hyperparameter(name)
            for value in levels_of(entry):
                _check_word(row, value)
            law = parse_law(entry)
            row.check_law(law)
            most = max(law.extremes, key=float) if name == "hidden" else 0
            if on_gpu and float(most) > MOST_HIDDEN_GPU:
                raise ValueError(
                    f"the GPU kernels know up to {MOST_HIDDEN_GPU} blocks, got "
                    f"{most}: narrow the law or set the device of {task} to cpu"
                )


def _check_word(row: Hyperparameter, value: object) -> None:
    """Raise ValueError for text where a number, true or false was meant."""
    if isinstance(value, str) and row.kind is not str:
        hint = yaml_hint(value, ["number", "boolean"])
        raise ValueError(f"must be {row.must}, got {value!r}{hint}")


def source_of(config: Mapping[str, Any], task: str) -> str:
    """Return the name of the task's source, its only one where the config names none."""
    with at(f"data.{task}.source"):
        return get_task(task).source_of(entry_of(config, "data", task).get("source"))


def entry_of(config: Mapping[str, Any], section: str, task: str) -> Mapping[str, Any]:
    """Return what a section says of a task; nothing where it does not mention it."""
    entry: Mapping[str, Any] = config.get(section, {}).get(task, {})
    return entry


def search_space_of(config: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return name → law of a task's hyperparameters, as the config says them."""
    own = entry_of(config, "task_settings", task).get("search_space", {})
    return {**config["search_space"], **own}


def _search_spaces(config: Mapping[str, Any]) -> dict[str, Iterable[str]]:
    spaces: dict[str, Iterable[str]] = {"search_space": config["search_space"]}
    for task, settings in config.get("task_settings", {}).items():
        spaces[f"task_settings.{task}.search_space"] = settings.get("search_space", {})
    return spaces


def _check_data(task: Task, entry: Mapping[str, Any]) -> None:
    """Raise ConfigError unless source and options are the task's; null is the default."""
    with at(f"data.{task.name}.source"):
        source = task.source_of(entry.get("source") or next(iter(task.sources)))
    for name, value in entry.items():
        if name != "source":
            with at(f"data.{task.name}.{name}"):
                _check_option(task.option(name, source), value)


def _check_option(option: Option, value: Any) -> None:
    try:
        option.check(value)
    except ValueError as error:
        hint = yaml_hint(value, _TYPES[option.kind], bool(option.choices))
        raise ValueError(f"{error}{hint}") from error


def _check_required(config: Mapping[str, Any], task: str) -> None:
    space = search_space_of(config, task)
    lacking = [n for n, row in HYPERPARAMETERS.items() if row.required and n not in space]
    if lacking:
        raise ConfigError(
            f"config: search_space: {task} needs a law of {', '.join(lacking)} there: fixed will do"
        )


def _check_variants(codes: Iterable[str]) -> None:
    """Raise ValueError for a code of no network, or for two of one: CIFG+NP and NP+CIFG."""
    known: dict[Cell, str] = {}
    for code in codes:
        first = known.setdefault(without_names(get_cell(code)), code)
        if first != code:
            raise ValueError(f"{code} is the same network as {first}: leave one out")
