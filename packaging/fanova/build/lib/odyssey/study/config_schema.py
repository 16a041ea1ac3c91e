"""A config against its JSON schema: the first fault in one line, with what to write instead."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_MOST_SHOWN = 300


def check_config(config: Mapping[str, Any], schema: Path) -> None:
    """Raise ValueError unless the config is of the schema and all its numbers are finite.

    The message names place, what must hold and what came. References in the schema are files beside
    it.
    """

    def beside(name: str) -> Resource[Any]:
        rules = _read(schema.parent / name)
        del rules["$schema"]  # which would bring the stock validator back
        return Resource.from_contents(rules, DRAFT202012)

    registry = Registry(retrieve=beside)  # type: ignore[call-arg]
    validator = _Validator(_read(schema), registry=registry)
    error = best_match(validator.iter_errors(dict(config)))
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path) or "top level"
        message = error.message
        if len(message) > _MOST_SHOWN:
            message = f"{message[:_MOST_SHOWN]} …"
        raise ValueError(f"config: {place}: {message}{_hint(error)}; {schema} describes every key")
    for place, value in _leaves(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"config: {place}: must be a finite number, got {value}")


def _read(schema: Path) -> dict[str, Any]:
    try:
        rules: dict[str, Any] = yaml.safe_load(schema.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"{schema}: can't be read: {error.strerror}; odyssey runs from its checkout: "
            "pip install -e . there"
        ) from error
    return rules


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # nor is 150.0 a number of epochs


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _hint(error: ValidationError) -> str:
    wanted: Any = error.validator_value if error.validator == "type" else ""
    return yaml_hint(error.instance, wanted, error.validator == "enum")


def yaml_hint(value: Any, wanted: Any, one_of: bool = False) -> str:
    """Return what to write instead where YAML took a value otherwise than it was meant.

    ``wanted`` is JSON schema's word for a type, or several; ``one_of`` says that words are wanted.
    """
    if isinstance(value, bool) and (one_of or "string" in wanted):
        return ": to YAML yes, no, on and off are true and false, as text they need quotes"
    if "string" in wanted and not isinstance(value, list | dict):
        return f": text needs quotes, write '{value}'"
    if not isinstance(value, str) or not wanted:
        return ""
    if "boolean" in wanted and value.lower() in ("true", "false"):
        return f": write {value.lower()} without quotes"
    if re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", value):
        return f": write {_as_yaml(value)} without quotes"
    return ""


def _as_yaml(number: str) -> str:
    """Return a number as YAML 1.1 reads one: with a dot and a sign where it has an exponent."""
    digits, _, exponent = number.lower().partition("e")
    if not exponent:
        return digits
    sign = exponent if exponent[0] in "+-" else f"+{exponent}"
    return f"{digits if '.' in digits else f'{digits}.0'}e{sign}"


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping | list):
        keys = value if isinstance(value, Mapping) else range(len(value))
        for key in keys:
            yield from _leaves(value[key], f"{place}.{key}" if place else str(key))
    else:
        yield place, value
