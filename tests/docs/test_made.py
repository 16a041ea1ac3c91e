"""The pages that are made from the code say what the code has, and need little to be made."""

import subprocess
import sys

import click
import pytest
import yaml

from docs.made import api, choices, pages
from odyssey.cli import main
from odyssey.study.hyperparameters import HYPERPARAMETERS
from odyssey.tasks import TASKS
from tests.conftest import ROOT, SCHEMA

PAGES = pages()


def commands(group, name):
    for inner, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {inner}")
        else:
            yield f"{name} {inner}", command


@pytest.mark.parametrize(("name", "command"), list(commands(main, "odyssey")))
def test_every_command_and_option_is_on_the_page(name, command):
    (section,) = [
        part
        for part in PAGES["reference/command-line.md"].split("\n## ")
        if part.startswith(f"{name}\n")
    ]
    assert (command.help or "").split("\n")[0].rstrip(".") in section
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help:
            assert parameter.opts[0] in section


def keys(field, schema, path=""):
    for name, below in field.get("properties", {}).items():
        yield f"{path}{name}"
        reference = below.get("$ref", "")
        if reference.startswith("#/$defs/"):
            below = {**schema["$defs"][reference.rpartition("/")[2]], **below}
        yield from keys(below, schema, f"{path}{name}.")


def test_every_key_of_the_schema_with_its_words_is_on_the_page():
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    page = PAGES["reference/config.md"]
    for key in keys(schema, schema):
        assert f"## {key}\n" in page or f"`{key}`" in page, key
    words = schema["properties"]["protocol"]["properties"]["patience"]["description"]
    assert f"| `protocol.patience` | integer from 0 to 1,000,000 | `15` | {words} |" in page
    assert "in config.yaml: `[V, NIG, NFG, NOG, NIAF, NOAF, CIFG, NP, FGR]`" in page


def test_every_hyperparameter_and_every_option_of_a_source_is_on_the_page():
    page = PAGES["reference/config.md"]
    for name, row in HYPERPARAMETERS.items():
        assert f"| `{name}` | {row.must} |" in page
    options = {name for task in TASKS.values() for s in task.sources.values() for name in s.options}
    assert options
    assert all(f"| `{name}` |" in page for name in options)


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, (_, names) in api.PUBLIC.items() for name in names],
)
def test_what_the_page_calls_public_can_be_imported(module, name):
    pytest.importorskip("optuna") if "optuna" in module else None
    imported = __import__(module, fromlist=[name])
    assert hasattr(imported, name)
    assert f"### {name}\n" in PAGES["reference/python.md"]


def test_a_public_name_that_is_gone_is_named():
    with pytest.raises(
        LookupError, match=r"odyssey\.losses has no Nothing: docs/made/api\.py lists"
    ):
        api.definition("odyssey.losses", "Nothing")


def test_every_marked_choice_is_on_the_page_once():
    found = subprocess.run(
        ["grep", "-rEon", r"\b(ASSUME|PAPER):(\s|$)", "odyssey", "config.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in found.stdout.splitlines() if not line.startswith("Binary")]
    assert len(list(choices.found())) == len(lines) > 20
    assert all(words for *_, words in choices.found())


def test_marked_texts_end_where_they_end():
    source = '''
def f():
    """Do it (ASSUME: this) and
    that. PAPER: one

    two ASSUME: three
    four
    """
    # PAPER: five
    # six
    return "ASSUME: se" "ven"
'''
    texts = [row for text in sorted(choices._python(source)) for row in choices._marked(*text)]
    assert texts == [
        (3, "ASSUME", "this"),
        (4, "PAPER", "one"),
        (6, "ASSUME", "three four"),
        (9, "PAPER", "five six"),
        (11, "ASSUME", "seven"),
    ]


def test_the_pages_need_neither_mxnet_nor_numpy():
    code = "from docs.made import pages; pages(); import sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"mxnet", "numpy", "rich", "jsonschema"} & set(ran.stdout.split())
