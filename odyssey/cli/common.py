"""What the commands share: options that name a study, the terminal, errors in a line."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from odyssey.study.study import Study


def console() -> "Console":
    """Return the terminal, taken to be wide enough for words: a narrower one breaks the lines."""
    from rich.console import Console

    console = Console()
    return console if console.width >= 40 else Console(width=40)


def of_a_study(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which study a command is about."""
    configfile = click.option(
        "--configfile",
        "files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Study file laid over config.yaml, as for Snakemake; may be repeated.",
    )
    directory = click.option(
        "--directory",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the study, as for Snakemake; else the nearest upwards with a config.yaml.",
    )
    return configfile(directory(command))


@contextmanager
def opened_study(files: Iterable[Path], directory: Path | None) -> Iterator["Study"]:
    """Give the study and work in its folder, from which its relative paths count."""
    from odyssey.storage.paths import study_folder
    from odyssey.study.study import read_study

    with errors_in_a_line():
        files = [file.absolute() for file in files]
        folder = directory.absolute() if directory else study_folder()
        if folder is None:
            raise click.ClickException(
                "no config.yaml in this folder or above it: go to the folder of a study, or name "
                "it with --directory"
            )
        with chdir(folder):
            yield read_study(files, folder)


@contextmanager
def errors_in_a_line() -> Iterator[None]:
    """Turn the errors of the package that a user can cause into one line."""
    from odyssey.runs.plan import PlanError
    from odyssey.storage.tree_file import DamagedFile
    from odyssey.study.study import ConfigError

    try:
        yield
    except (ConfigError, DamagedFile, PlanError) as error:
        raise click.ClickException(str(error)) from error
    except BrokenPipeError:  # who reads has seen enough
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{place}{error.strerror or error}") from error
