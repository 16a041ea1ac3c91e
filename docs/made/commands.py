"""The command line: every command with its arguments, options and what it says of itself."""

from collections.abc import Iterator

import click

from odyssey.cli import main

INTRODUCTION = """# Command line

Made from the commands; `odyssey COMMAND --help` says the same.
"""


def page() -> str:
    """Return the page as Markdown, a section for each command."""
    return "\n".join([INTRODUCTION, *_sections(main, "odyssey")])


def _sections(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    if isinstance(command, click.Group):
        for inner, found in sorted(command.commands.items()):
            yield from _sections(found, f"{name} {inner}")
        return
    usage = " ".join(command.collect_usage_pieces(context))
    words = "\n\n".join(_escaped(part) for part in (command.help or "").split("\n\n"))
    yield f"## {name}\n\n    {name} {usage}\n\n{words}\n"
    records = (parameter.get_help_record(context) for parameter in command.params)
    rows = [row for row in records if row and any(row[1:])]
    if rows:
        yield "| option | |\n|---|---|"
        yield "\n".join(f"| `{_names(names)}` | {_escaped(text)} |" for names, text in rows) + "\n"


def _names(text: str) -> str:
    return " ".join(text.replace(" RANGE", "").split()).replace("|", "\\|")


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
