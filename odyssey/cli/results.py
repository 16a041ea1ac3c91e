"""``odyssey report`` and ``odyssey distance``: what tables of trials say, without training."""

from pathlib import Path

import click

from odyssey.cli.common import of_a_study, opened_study


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--boxes", is_flag=True, help="Also every box of figure 3 with its differences.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, by file.")
def distance(files: tuple[Path, ...], boxes: bool, as_json: bool) -> None:
    """Say how far the trials of FILES, tables like trials.csv, are from the paper's figures."""
    import json

    from rich.console import Console

    from odyssey.analysis.distance import distance
    from odyssey.analysis.distance_view import boxes_view, distance_view
    from odyssey.analysis.report.of_tables import UnusableTable, read_table

    console, found = Console(), {}
    for path in files:
        try:
            trials = read_table(path)
        except UnusableTable as error:
            raise click.ClickException(str(error)) from error
        try:
            found[path] = distance(trials)
        except ValueError as error:
            raise click.ClickException(f"{path}: {error}") from error
    if as_json:
        click.echo(json.dumps({str(p): [vars(r) for r in rows] for p, rows in found.items()}))
        return
    console.print(distance_view(found))
    for path in files if boxes else ():
        console.print(boxes_view(path))


@click.command()
@click.argument(
    "tables", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@of_a_study
@click.option(
    "--out",
    default="report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the page and all that it shows; report by default.",
)
@click.option("--threads", default=1, type=click.IntRange(1), help="Decompositions at a time.")
def report(
    tables: tuple[Path, ...],
    files: tuple[Path, ...],
    directory: Path | None,
    out: Path,
    threads: int,
) -> None:
    """Make every figure and verdict anew from TABLES like trials.csv, without training.

    The study of config.yaml, with the files laid over it, is the one that the trials are of.
    """
    from odyssey.analysis.report.of_tables import UnusableTable, report_on_tables
    from odyssey.study.study import SCHEMA

    captions = sorted((SCHEMA.parents[1] / "report").glob("*.rst"))
    tables, out = tuple(table.absolute() for table in tables), out.absolute()
    with opened_study(files, directory) as study:
        try:
            page = report_on_tables(study, tables, captions, out, threads)
        except UnusableTable as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{page}: open it in a browser")
