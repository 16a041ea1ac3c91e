"""The command line: ``odyssey --help``."""

import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from odyssey import __version__
from odyssey.tasks import TASKS

if TYPE_CHECKING:
    from rich.console import Console

    from odyssey.study.study import Study


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Rerun, resume and extend the study "LSTM: A Search Space Odyssey"."""
    for stream in (sys.stdout, sys.stderr):  # a character that a terminal lacks ends no command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


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

    from odyssey.storage.datasets import DataError
    from odyssey.tasks import prepare as preparation
    from odyssey.views.data import summarise

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
    from odyssey.engines.fused import KernelError, build
    from odyssey.networks.variants import VARIANTS, get_variant

    try:
        rows = [get_variant(code) for code in variants or VARIANTS]
        library = build(rows, sets or None)
    except (KernelError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for name, value in library.description().items():
        if name != "left_out":
            click.echo(f"{name}: {value}")
    for refused in library.left_out.values():
        click.echo(f"left out: {refused}")


@main.command()
def gpu() -> None:
    """Show what GPUs this machine has, what will run on them and why the rest won't."""
    from odyssey.engines.gpu.device import report

    for line in report():
        click.echo(line)


def _console() -> "Console":
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
def _study(files: Iterable[Path], directory: Path | None) -> Iterator["Study"]:
    """Give the study and work in its folder, from which its relative paths count."""
    from odyssey.storage.paths import study_folder
    from odyssey.study.study import read_study

    with _errors_in_a_line():
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
def _errors_in_a_line() -> Iterator[None]:
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


@main.command()
@of_a_study
@click.option("--plain", is_flag=True, help="Without colours.")
def doctor(files: tuple[Path, ...], directory: Path | None, plain: bool) -> None:
    """Check this machine: what is fine, what will not work and why, and what to do.

    Ends with 0 if a study can run here, with 1 if not.
    """
    from odyssey.checks.doctor import examine, show
    from odyssey.storage.paths import study_folder

    files = tuple(file.absolute() for file in files)
    with chdir(directory or study_folder() or Path()):
        if not show(examine(files), plain):
            raise SystemExit(1)


@main.command()
@of_a_study
@click.option("--watch", is_flag=True, help="Refresh in place until Ctrl-C.")
@click.option("--failures", is_flag=True, help="List the failed trials with their reasons.")
def status(files: tuple[Path, ...], directory: Path | None, watch: bool, failures: bool) -> None:
    """Show how far the study is; only reads, also while it runs elsewhere."""
    from rich.live import Live

    from odyssey.views.progress import failure_table, status_view

    console = _console()
    if watch and (not console.is_terminal or console.is_dumb_terminal):
        raise click.ClickException("--watch needs a terminal that it can draw on: leave it out")
    with _study(files, directory) as study:
        view = partial(failure_table if failures else status_view, study)
        if watch:
            with suppress(KeyboardInterrupt), Live(auto_refresh=False, screen=True) as live:
                while True:
                    began = time.perf_counter()
                    live.update(view(), refresh=True)
                    # Easy on the login node and its file server, however many trials there are.
                    time.sleep(max(2.0, 10 * (time.perf_counter() - began)))
        console.print(view())


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def inspect(file: Path) -> None:
    """Show FILE, a trial's checkpoint or result, a block's, or prepared data, in a screenful."""
    from odyssey.storage.datasets import DataError, load_dataset
    from odyssey.storage.tree_file import DamagedFile
    from odyssey.views.data import summarise
    from odyssey.views.progress import file_view

    if not file.is_file():
        raise click.ClickException(f"{file}: must be a file of odyssey's, is a device or a pipe")
    with _errors_in_a_line():
        try:
            view = file_view(file)
        except DamagedFile:
            try:
                view = summarise(load_dataset(file))
            except DataError:
                view = None
            if view is None:
                raise
        _console().print(view)


@main.command()
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
    with _study(files, directory) as study:
        _console().print(plan_view(study, threads, calibration, epochs, nodes, cores))


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


@main.command()
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
    with _study(files, directory) as study:
        try:
            page = report_on_tables(study, tables, captions, out, threads)
        except UnusableTable as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{page}: open it in a browser")


@main.group()
def bench() -> None:
    """Measure speed on this machine."""


def _benchmark(name: str) -> ModuleType:
    import importlib

    root = Path(__file__).parents[1]
    if not (root / "benchmarks" / f"{name}.py").exists():
        raise click.ClickException("the benchmarks are in the checkout: pip install -e . there")
    sys.path.insert(0, str(root))
    try:
        return importlib.import_module(f"benchmarks.{name}")
    except ImportError as error:
        raise click.ClickException(str(error)) from error


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
    from odyssey.engines.fused import KernelError
    from odyssey.networks.variants import VARIANTS, get_variant

    step = _benchmark("step")
    rows = []
    try:
        for code in variants:
            get_variant(code)
        for found in step.measure(tasks or TASKS, variants or VARIANTS, sizes, rounds, cpu_time):
            rows += found
            name = "{task:8} {variant:5} H={hidden:<4}".format(**found[0])
            click.echo(name + "  ".join(f"{r['implementation']} {r['ms']:.3g}" for r in found))
    except (KernelError, ValueError) as error:
        raise click.ClickException(str(error)) from error
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
    from odyssey.engines.gpu.driver import GpuError

    try:
        _benchmark("gpu").main(out, **sizes)
    except GpuError as error:
        raise click.ClickException(str(error)) from error
