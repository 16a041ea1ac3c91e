"""The command line: ``odyssey --help``."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from odyssey import __version__
from odyssey.tasks import TASKS


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Rerun, resume and extend the study "LSTM: A Search Space Odyssey"."""


@main.command()
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

    from odyssey.datasets import DataError
    from odyssey.tasks import prepare as preparation
    from odyssey.tasks.summary import summarise

    console = Console()
    try:
        options |= dict(more)
        show = partial(track, description=f"Preparing {task}", transient=True)
        dataset = preparation.prepare(task, source, out, track=show, **options)
    except DataError as error:
        raise click.ClickException(str(error)) from error
    console.print(summarise(dataset))
