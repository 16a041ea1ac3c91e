"""``odyssey prepare`` and ``odyssey inspect``: what lies in files."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from odyssey.cli.common import console, errors_in_a_line
from odyssey.tasks import TASKS


@click.command()
@click.argument("task", type=click.Choice(list(TASKS)))
@click.option("--source", required=True, help="What to read or make up: see data.schema.yaml.")
@click.option("--path", help="File or folder of the corpus.")
@click.option("--split", type=click.Choice(["official", "speaker", "utterance"]))
@click.option("--seed", type=click.IntRange(0), help="Of random splits and made-up data.")
@click.option(
    "--option", "more", multiple=True, type=(str, int), metavar="NAME NUMBER", help="Of the source."
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def prepare(
    task: str, source: str, out: Path, more: tuple[tuple[str, int], ...], **options: Any
) -> None:
    """Prepare the data of TASK as the workflow does, and show what came of it."""
    from rich.console import Console
    from rich.progress import track

    from odyssey.storage.datasets import DataError
    from odyssey.tasks import prepare as preparation
    from odyssey.views.data import summarise

    try:
        options |= dict(more)
        show = partial(track, description=f"Preparing {task}", transient=True)
        dataset = preparation.prepare(task, source, out, track=show, **options)
    except DataError as error:
        raise click.ClickException(str(error)) from error
    Console().print(summarise(dataset))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def inspect(file: Path) -> None:
    """Show FILE, a trial's checkpoint or result, a block's, or prepared data, in a screenful."""
    from odyssey.storage.datasets import DataError, load_dataset
    from odyssey.storage.tree_file import DamagedFile
    from odyssey.views.data import summarise
    from odyssey.views.progress import file_view

    if not file.is_file():
        raise click.ClickException(f"{file}: must be a file of odyssey's, is a device or a pipe")
    with errors_in_a_line():
        try:
            view = file_view(file)
        except DamagedFile:
            try:
                view = summarise(load_dataset(file))
            except DataError:
                view = None
            if view is None:
                raise
        console().print(view)
