"""``odyssey status`` and ``odyssey plan``: where a study stands and what it will ask for."""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from odyssey.cli.common import console, of_a_study, opened_study

if TYPE_CHECKING:
    from rich.console import RenderableType


@click.command()
@of_a_study
@click.option("--watch", is_flag=True, help="Refresh in place until Ctrl-C.")
@click.option("--failures", is_flag=True, help="List the failed trials with their reasons.")
def status(files: tuple[Path, ...], directory: Path | None, watch: bool, failures: bool) -> None:
    """Show how far the study is; only reads, also while it runs elsewhere."""
    from rich.live import Live

    from odyssey.views.progress import failure_table, status_view

    terminal = console()
    if watch and (not terminal.is_terminal or terminal.is_dumb_terminal):
        raise click.ClickException("--watch needs a terminal that it can draw on: leave it out")
    with opened_study(files, directory) as study:

        def view(lines: int | None = None) -> "RenderableType":
            return failure_table(study) if failures else status_view(study, lines)

        if watch:
            with suppress(KeyboardInterrupt), Live(auto_refresh=False, screen=True) as live:
                while True:
                    began = time.perf_counter()
                    live.update(view(live.console.height), refresh=True)
                    # Easy on the login node and its file server, however many trials there are.
                    time.sleep(max(2.0, 10 * (time.perf_counter() - began)))
        terminal.print(view())


@click.command()
@of_a_study
@click.option("--threads", default=3, type=click.IntRange(1), help="Trials at a time in a job.")
@click.option(
    "--trials",
    "calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Calibrate with the finished trials of a trials.csv, from nodes of the kind.",
)
@click.option(
    "--epochs",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the epochs that are trained.",
)
@click.option("--nodes", default=10, type=click.IntRange(1, 100_000), help="All yours.")
@click.option("--cores", default=128, type=click.IntRange(1, 10_000), help="Of each node.")
def plan(
    files: tuple[Path, ...],
    directory: Path | None,
    threads: int,
    calibration: Path | None,
    epochs: float | None,
    nodes: int,
    cores: int,
) -> None:
    """Show what the study's training will ask for: jobs, core hours, when it would end."""
    from odyssey.views.plan import plan_view

    if epochs is not None and epochs != epochs:
        raise click.ClickException("--epochs must be a share from 0 to 1, got nan")
    calibration = calibration and calibration.absolute()
    with opened_study(files, directory) as study:
        console().print(plan_view(study, threads, calibration, epochs, nodes, cores))
