"""The command line: ``odyssey --help``."""

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
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


@main.command("build")
@click.argument("variants", nargs=-1)
@click.option("--set", "sets", multiple=True, help="Instruction set; all of them by default.")
def build_kernels(variants: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Build the fused kernels of VARIANTS (the paper's nine by default), if they are not yet."""
    from odyssey.kernels import KernelError, build
    from odyssey.variants import VARIANTS, get_variant

    try:
        rows = [get_variant(code) for code in variants or VARIANTS]
        library = build(rows, sets or None)
    except (KernelError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for name, value in library.description().items():
        click.echo(f"{name}: {value}")


@main.command()
def gpu() -> None:
    """Show what GPUs this machine has, what will run on them and why the rest won't."""
    from odyssey.gpu.device import report

    for line in report():
        click.echo(line)


CONFIGFILE = click.option(
    "--configfile",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Study file laid over config.yaml, as for Snakemake; may be repeated.",
)


@main.command()
@CONFIGFILE
@click.option("--watch", is_flag=True, help="Refresh in place until Ctrl-C.")
@click.option("--failures", is_flag=True, help="List the failed trials with their reasons.")
def status(files: tuple[Path, ...], watch: bool, failures: bool) -> None:
    """Show how far the study is; only reads, also while it runs elsewhere."""
    from rich.console import Console
    from rich.live import Live

    from odyssey.progress_view import failure_table, status_view
    from odyssey.study import ConfigError, read_study

    try:
        study = read_study(files)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    view = partial(failure_table if failures else status_view, study)
    if watch:
        with suppress(KeyboardInterrupt), Live(auto_refresh=False, screen=True) as live:
            while True:
                began = time.perf_counter()
                live.update(view(), refresh=True)
                # Easy on the login node and its file server, however many trials there are.
                time.sleep(max(2.0, 10 * (time.perf_counter() - began)))
    Console().print(view())


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def inspect(file: Path) -> None:
    """Show a trial's FILE, checkpoint or result, or a block's, in a screenful."""
    from rich.console import Console

    from odyssey.checkpoint import DamagedFile
    from odyssey.progress_view import file_view

    try:
        Console().print(file_view(file))
    except DamagedFile as error:
        raise click.ClickException(str(error)) from error


@main.command()
@CONFIGFILE
@click.option("--threads", default=3, type=click.IntRange(1), help="Trials at a time in a job.")
@click.option(
    "--trials",
    "calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Calibrate with the finished trials of a trials.csv, from nodes of the kind.",
)
@click.option("--epochs", type=click.FloatRange(0, 1), help="Share of the epochs that are trained.")
@click.option("--nodes", default=10, type=click.IntRange(1), help="All yours.")
@click.option("--cores", default=128, type=click.IntRange(1), help="Of each node.")
def plan(
    files: tuple[Path, ...],
    threads: int,
    calibration: Path | None,
    epochs: float | None,
    nodes: int,
    cores: int,
) -> None:
    """Show what the study's training will ask for: jobs, core hours, when it would end."""
    from rich.console import Console

    from odyssey.plan import PlanError
    from odyssey.plan_view import plan_view
    from odyssey.study import ConfigError, read_study

    try:
        view = plan_view(read_study(files), threads, calibration, epochs, nodes, cores)
    except (ConfigError, PlanError) as error:
        raise click.ClickException(str(error)) from error
    Console().print(view)


@main.command()
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
    from odyssey.analysis.of_tables import UnusableTable, read_table

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


@main.command()
@click.argument(
    "tables", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@CONFIGFILE
@click.option(
    "--out",
    default="report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the page and all that it shows; report by default.",
)
@click.option("--threads", default=1, type=click.IntRange(1), help="Decompositions at a time.")
def report(tables: tuple[Path, ...], files: tuple[Path, ...], out: Path, threads: int) -> None:
    """Make every figure and verdict anew from TABLES like trials.csv, without training.

    The study of config.yaml, with the files laid over it, is the one that the trials are of.
    """
    from odyssey.analysis.of_tables import UnusableTable, report_on_tables
    from odyssey.study import ConfigError, read_study

    captions = sorted(Path("workflow", "report").glob("*.rst"))
    try:
        page = report_on_tables(read_study(files), tables, captions, out, threads)
    except (ConfigError, UnusableTable, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{page}: open it in a browser")


@main.group()
def bench() -> None:
    """Measure speed on this machine."""


def _benchmark(name: str) -> ModuleType:
    import importlib
    import sys

    root = Path(__file__).parents[1]
    if not (root / "benchmarks" / f"{name}.py").exists():
        raise click.ClickException("the benchmarks are in the checkout: pip install -e . there")
    sys.path.insert(0, str(root))
    return importlib.import_module(f"benchmarks.{name}")


@bench.command("fanova")
@click.option(
    "--peer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has the package fanova, to be measured beside.",
)
@click.option("--repeats", default=10, type=click.IntRange(1), help="Made-up studies of each kind.")
def bench_fanova(peer: Path | None, repeats: int) -> None:
    """CPU seconds and errors of the variance decomposition: ours, and others' where installed."""
    fanova = _benchmark("fanova")
    click.echo("200 trials × 100 trees, CPU seconds of one thread")
    for what, seconds in fanova.speed(peer):
        click.echo(f"  {what:<48}{seconds:10.3g}")
    for noise in (0.05, 0.22):
        click.echo(f"mean error of main effects, 200 trials, noise of {noise} standard deviations")
        for study, method, error, _ in fanova.accuracy(peer, repeats, noise=noise):
            click.echo(f"  {study:<10}{method:<38}{error:10.4f}")
    click.echo("fANOVA and comparison of 5,400 trials without bootstrap, CPU seconds")
    click.echo(f"  {'ours':<48}{fanova.whole():10.3g}")


@bench.command("step")
@click.option("--task", "tasks", multiple=True, type=click.Choice(list(TASKS)))
@click.option("--variant", "variants", multiple=True, help="Codes; all nine by default.")
@click.option(
    "--hidden", "sizes", multiple=True, type=click.IntRange(1), default=(20, 64, 100, 200)
)
@click.option(
    "--rounds", default=15, type=click.IntRange(1), help="Times that each takes its turn."
)
@click.option("--cpu-time", is_flag=True, help="Not the clock on the wall: for busy machines.")
@click.option(
    "--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Also as JSON."
)
def bench_step(
    tasks: tuple[str, ...],
    variants: tuple[str, ...],
    sizes: tuple[int, ...],
    rounds: int,
    cpu_time: bool,
    out: Path | None,
) -> None:
    """Milliseconds of a training step: ours, bare, others' where installed, and the floors."""
    from odyssey.variants import VARIANTS

    step = _benchmark("step")
    rows = []
    for found in step.measure(tasks or TASKS, variants or VARIANTS, sizes, rounds, cpu_time):
        rows += found
        name = "{task:8} {variant:5} H={hidden:<4}".format(**found[0])
        click.echo(name + "  ".join(f"{r['implementation']} {r['ms']:.3g}" for r in found))
    if out:
        step.save(rows, out)


@bench.command("gpu")
@click.option(
    "--hidden", "sizes", multiple=True, type=click.IntRange(1), default=(20, 64, 100, 200)
)
@click.option("--trials", multiple=True, type=click.IntRange(1), default=(1, 16, 66, 132))
@click.option("--frames", default=300, type=click.IntRange(1))
@click.option("--rounds", default=10, type=click.IntRange(1), help="Of 16 steps each.")
@click.option(
    "--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Also as JSON."
)
def bench_gpu(out: Path | None, **sizes: Any) -> None:
    """Errors of all variants on the GPU, milliseconds of a step, the floor, and torch's."""
    from odyssey.gpu.driver import GpuError

    try:
        _benchmark("gpu").main(out, **sizes)
    except GpuError as error:
        raise click.ClickException(str(error)) from error
