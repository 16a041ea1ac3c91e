"""``odyssey prepare`` and ``odyssey inspect``: what lies in files."""

from functools import partial
from pathlib import Path

import click

from odyssey.cli.common import console, errors_in_a_line
from odyssey.tasks import TASKS, arrays, get_task


@click.command()
@click.argument("task")
@click.option("--source", help="What to read or make up; needed where the task has several.")
@click.option("--path", help="File or folder of the corpus.")
@click.option("--split", help="How recordings are shared out.")
@click.option("--seed", help="Of random splits and made-up data.")
@click.option(
    "--option", "more", multiple=True, type=(str, str), metavar="NAME VALUE", help="Of the source."
)
@click.option(
    "--extension",
    "extensions",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Python file that registers a task of your own; may be repeated.",
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path))
def prepare(
    task: str,
    source: str | None,
    out: Path,
    more: tuple[tuple[str, str], ...],
    extensions: tuple[str, ...],
    **options: str | None,
) -> None:
    """Prepare the data of TASK as the workflow does, and show what came of it.

    Sources and their options are those of the task's row, as under data in a study file.
    """
    from rich.console import Console
    from rich.progress import track

    from odyssey.storage.datasets import DataError
    from odyssey.study.extensions import load_extensions
    from odyssey.tasks import prepare as preparation
    from odyssey.views.data import summarise

    given = {name: text for name, text in options.items() if text is not None} | dict(more)
    try:
        load_extensions(extensions)
        if source == arrays.NAME and task not in TASKS:
            arrays.register_arrays(task, arrays.parse_options(given))
        row = get_task(task)
        source = row.source_of(source)
        values = preparation.parse_options(row, source, given)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    show = partial(track, description=f"Preparing {task}", transient=True)
    try:
        dataset = preparation.prepare(task, source, out, track=show, **values)
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
