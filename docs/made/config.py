"""The keys of a study file: names, types, ranges and words of the schema, values of config.yaml."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from docs.made.words import markdown
from odyssey.study.hyperparameters import HYPERPARAMETERS
from odyssey.tasks import TASKS, Option

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "workflow" / "schemas"
INTRODUCTION = """# Keys of a study

Made from `workflow/schemas/config.schema.yaml` and `config.yaml`. A study file has the keys that
differ from `config.yaml`. A key that is not here, or a value outside its range, ends in one line
before anything runs. `<task>`, `<name>` and `<option>` stand for names.

"""
_HEAD = ["| key | what it may be | in config.yaml | |", "|---|---|---|---|"]
_RANGES = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}
Field = Mapping[str, Any]


def page() -> str:
    """Return the page as Markdown: a section for each key, a row for each key under it."""
    schema, values = _read(SCHEMAS / "config.schema.yaml"), _read(ROOT / "config.yaml")
    sections = []
    for key, field in schema["properties"].items():
        field = _resolved(field, schema)
        lines = [f"## {key}", "", _words(field), ""]
        if facts := _facts(field, values.get(key)):
            lines += [facts, ""]
        if rows := list(_rows(key, field, values.get(key), schema)):
            lines += [*_HEAD, *rows, ""]
        lines += _MORE[key]() if key in _MORE else []
        sections.append("\n".join(lines))
    return INTRODUCTION + "\n".join(sections)


def _hyperparameters() -> list[str]:
    """Return the table of hyperparameters that a search space may name."""
    rows = [
        f"| `{row.name}` | {row.must} | {'' if row.default is None else f'`{row.default!r}`'} |"
        for row in HYPERPARAMETERS.values()
    ]
    head = ["| hyperparameter | its values must be | where no law is given |", "|---|---|---|"]
    return [*head, *rows, "", "More on them: [extending.md](../extending.md).", ""]


def _sources() -> list[str]:
    """Return the table of the sources of each task, with their options."""
    head = ["| task | source | option | what it may be | |", "|---|---|---|---|---|"]
    rows = []
    for task in TASKS.values():
        for name, source in task.sources.items():
            rows.append(f"| {task.name} | `{name}` | | | {source.description} |")
            rows += [
                f"| | | `{key}` | {_option(option)} | {markdown(option.description)} |"
                for key, option in source.options.items()
            ]
    own = "Options of `source: arrays`: [your own data](../extending.md#your-own-data)."
    return [*head, *rows, "", own, ""]


def _option(option: Option) -> str:
    default = "" if option.default is None else f"; `{option.default}` by default"
    return option.must + ("; required" if option.required else default)


_MORE = {"search_space": _hyperparameters, "data": _sources}


def _facts(field: Field, value: object) -> str:
    facts = [f"Must be: {said}" if (said := _kind(field)) else "", _shown(value)]
    return "; in config.yaml: ".join(filter(None, facts)) + "." if any(facts) else ""


def _rows(path: str, field: Field, value: Any, schema: Field) -> Iterator[str]:
    """Yield a row for every key under one; keys of any name are <task>, <name> or <option>."""
    inner = dict(field.get("properties", {}))
    if isinstance(other := field.get("additionalProperties"), dict):
        inner[_any_name(path)] = other
    for key, below in inner.items():
        below, place = _resolved(below, schema), f"{path}.{key}"
        known = value.get(key) if isinstance(value, dict) else None
        yield f"| `{place}` | {_kind(below)} | {_shown(known)} | {_words(below)} |"
        if place != "task_settings.<task>.search_space":  # its laws are those of search_space
            yield from _rows(place, below, known, schema)


def _any_name(path: str) -> str:
    return {"search_space": "<name>", "data.<task>": "<option>"}.get(path, "<task>")


def _shown(value: object) -> str:
    if value is None or isinstance(value, dict):
        return ""
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]}`"


def _kind(field: Field) -> str:
    """Return what a value may be, in words."""
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    kind = field.get("type", "")
    if kind in ("object", ""):
        return ""
    names = " or ".join([kind] if isinstance(kind, str) else map(str, kind))
    if field.get("items"):
        names = f"list, each a {_kind(field['items'])}"
    ranges = (f"{word} {field[key]:,}" for key, word in _RANGES.items() if key in field)
    return " ".join((names, *ranges))


def _words(field: Field) -> str:
    return markdown(" ".join(str(field.get("description", "")).split()).replace("|", "\\|"))


def _resolved(field: Field, schema: Field) -> Field:
    """Return a field with what it refers to underneath; its own words come first."""
    reference = field.get("$ref")
    if not reference:
        return field
    if reference.startswith("#/$defs/"):
        found = schema["$defs"][reference.removeprefix("#/$defs/")]
    else:
        found = _read(SCHEMAS / reference)
    return {**found, **{key: value for key, value in field.items() if key != "$ref"}}


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
