"""Config files, read strictly: what YAML would take otherwise than it was meant is refused.

Two keys of one name (the last would win in silence), whole numbers with a leading zero (012 is 10
to YAML) and with colons (1:30 is 90).
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from odyssey.study.config_error import ConfigError

_OCTAL, _COLONS = re.compile(r"[-+]?0[0-7_]+"), re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+")


def check_config_files(files: Iterable[Path]) -> None:
    """Raise ConfigError for a file that YAML takes otherwise than it was meant."""
    for file in files:
        read_config_file(file)


def lay_over(config: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Change a config as a study file asks for it, key by key."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(config.get(key), dict):
            lay_over(config[key], value)
        else:
            config[key] = value


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML or JSON file, as Snakemake reads it.

    ConfigError if it can't be read, is none, or says something twice or otherwise than it was
    meant.
    """
    try:
        return _read(path)
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        settings = _parsed(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"must be UTF-8 text: {error.reason} at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"must be YAML: {line}{_one_line(error.problem or error)}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"must be YAML: {_one_line(error)}") from error
    if not isinstance(settings, dict):
        found = "is empty" if settings is None else f"is a {type(settings).__name__}"
        raise ValueError(f"must hold settings, as in config.yaml: {found}")
    return settings


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        return yaml.load(text, _Strict)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    settings = dict(pairs)
    if len(settings) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"must say {twice} once, says it twice")
    return settings


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


class _Strict(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                continue
            if key.value in lines:
                before = f"line {lines[key.value]} says it too"
                self._refuse(key, f"{key.value} must be said once, {before}")
            lines[key.value] = key.start_mark.line + 1
        return node

    def construct_yaml_int(self, node: Any) -> int:
        number: int = super().construct_yaml_int(node)
        if _OCTAL.fullmatch(node.value) or _COLONS.fullmatch(node.value):
            self._refuse(node, f"{node.value} is {number} to YAML: write the number that is meant")
        return number

    def construct_yaml_float(self, node: Any) -> float:
        number: float = super().construct_yaml_float(node)
        if ":" in node.value:
            self._refuse(node, f"{node.value} is {number} to YAML: write the number that is meant")
        return number

    def _refuse(self, node: Any, problem: str) -> None:
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Strict.add_constructor("tag:yaml.org,2002:int", _Strict.construct_yaml_int)
_Strict.add_constructor("tag:yaml.org,2002:float", _Strict.construct_yaml_float)
