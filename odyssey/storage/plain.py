"""Frozen dataclasses as plain JSON types, and back with every field checked.

A number that is not known is NaN in a record and null in JSON. A field of ``optional()`` has no key
in JSON where it is None; every other field has one. Numbers keep their type: a whole number stays
one also where a float is asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import Field, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


class NotTheRecord(ValueError):
    """JSON that does not hold the record asked for; one line that names the place."""


def optional() -> Any:
    """Return the field of a dataclass that has no key in JSON where it is None."""
    return field(default=None, metadata={"optional": True})


def to_json(value: object) -> Any:
    """Return records, mappings and tuples as dictionaries and lists; key order is field order."""
    if is_dataclass(value):
        return {f.name: to_json(own) for f, own in _items(value) if not _is_left_out(f, own)}
    if isinstance(value, Mapping):
        return {name: to_json(own) for name, own in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(own) for own in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def from_json(kind: type[Record], value: object) -> Record:
    """Return the record of a kind that ``to_json`` wrote; raise NotTheRecord for anything else."""
    read: Record = _read(kind, value, "")
    return read


def _items(record: Any) -> list[tuple["Field[Any]", Any]]:
    return [(f, getattr(record, f.name)) for f in fields(record)]


def _is_left_out(f: "Field[Any]", value: object) -> bool:
    return value is None and "optional" in f.metadata


def _read(kind: Any, value: object, place: str) -> Any:
    """Return a value of a kind: a dataclass, tuple, mapping, union, literal or scalar."""
    if is_dataclass(kind):
        return _record(kind, value, place)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _one_of(arguments, value, place)
    if origin is tuple:
        return _tuple(arguments, value, place)
    if origin is Literal:
        return _checked(
            value in arguments, value, f"one of {', '.join(map(str, arguments))}", place
        )
    if origin is not None:  # a mapping
        mapping = _checked(isinstance(value, dict), value, "an object", place)
        return {name: _read(arguments[1], own, _at(place, name)) for name, own in mapping.items()}
    return _scalar(kind, value, place)


@cache
def _fields(kind: Any) -> Mapping[str, tuple[Any, "Field[Any]"]]:
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], f) for f in fields(kind)}


def _record(kind: Any, value: object, place: str) -> Any:
    given = _checked(isinstance(value, dict), value, f"an object ({kind.__name__})", place)
    if not _fits(kind, given):
        known = _fields(kind)
        lacking = [name for name, (_, f) in known.items() if _is_needed(f) and name not in given]
        more = [name for name in given if name not in known]
        wrong = [f"lacks {', '.join(lacking)}"] * bool(lacking)
        wrong += [f"has unknown {', '.join(more)}"] * bool(more)
        raise NotTheRecord(f"{place or 'the file'} {' and '.join(wrong)}")
    read = {}
    for name, own in given.items():
        hint, f = _fields(kind)[name]
        # Of an optional number None says that it has no key, so null must be NaN.
        unknown = own is None and not _is_needed(f) and float in get_args(hint)
        read[name] = math.nan if unknown else _read(hint, own, _at(place, name))
    return kind(**read)


def _is_needed(f: "Field[Any]") -> bool:
    return "optional" not in f.metadata


def _fits(kind: Any, value: Mapping[str, object]) -> bool:
    """Return whether an object has all keys that a dataclass needs, and no others."""
    known = _fields(kind)
    needed = {name for name, (_, f) in known.items() if _is_needed(f)}
    return needed <= value.keys() <= known.keys()


def _one_of(kinds: tuple[Any, ...], value: object, place: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    records = [kind for kind in kinds if is_dataclass(kind)]
    others = [kind for kind in kinds if kind not in (*records, NoneType)]
    if records and (isinstance(value, dict) or not others):
        fitting = [kind for kind in records if isinstance(value, dict) and _fits(kind, value)]
        return _record((fitting or records)[0], value, place)
    if len(others) == 1:
        return _read(others[0], value, place)
    words = " or ".join(kind.__name__ for kind in kinds)
    return _checked(any(_is_scalar(kind, value) for kind in others), value, words, place)


def _tuple(kinds: tuple[Any, ...], value: object, place: str) -> tuple[Any, ...]:
    many = kinds[-1] is Ellipsis
    given = _checked(isinstance(value, list), value, "a list", place)
    if not many:
        _checked(len(given) == len(kinds), given, f"a list of {len(kinds)}", place)
    each = [kinds[0]] * len(given) if many else kinds
    return tuple(
        _read(kind, own, _at(place, str(k)))
        for k, (kind, own) in enumerate(zip(each, given, strict=True))
    )


def _scalar(kind: Any, value: object, place: str) -> object:
    if kind is float and value is None:
        return math.nan
    return _checked(_is_scalar(kind, value), value, _WORDS[kind], place)


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _is_scalar(kind: Any, value: object) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _checked(holds: bool, value: Any, must: str, place: str) -> Any:
    if not holds:
        got = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:40]} …"
        raise NotTheRecord(f"{place or 'the file'} must be {must}, is {got}")
    return value


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
