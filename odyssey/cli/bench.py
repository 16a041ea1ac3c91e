"""``odyssey bench``: speed on this machine, with the benchmarks of the checkout."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from odyssey.tasks import TASKS


@click.group()
def bench() -> None:
    """Measure speed on this machine."""


def _benchmark(name: str) -> ModuleType:
    import importlib

    root = Path(__file__).parents[2]
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
@click.option(
    "--optuna",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has optuna and optuna-fast-fanova, for the table of growth.",
)
@click.option("--growth", is_flag=True, help="Only how the cost grows with trials and factors.")
@click.option("--large", is_flag=True, help="Also 100,000 trials: minutes, and gigabytes.")
def bench_fanova(
    peer: Path | None, repeats: int, optuna: Path | None, growth: bool, large: bool
) -> None:
    """CPU seconds and errors of the variance decomposition: ours, and others' where installed."""
    _growth(optuna, large)
    if growth:
        return
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


def _growth(peer: Path | None, large: bool) -> None:
    table = _benchmark("fanova_growth")
    click.echo(f"mains and pairs, both readings, fit included, 64 trees: {table.processor()}")
    try:
        for n, d, found in table.measure(table.SIZES, peer):
            _sizes(n, d, found)
        for n, d, found in table.measure([(100_000, 8)], repeats=1) if large else ():
            _sizes(n, d, found)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error


def _sizes(n: int, d: int, found: dict[str, tuple[float, float]]) -> None:
    for what, (seconds, memory) in found.items():
        click.echo(f"  {n:>7,} × {d:<4}{what:<28}{seconds:10.3g} s{memory:10,.0f} MiB")


@bench.command("step")
@click.option("--task", "tasks", multiple=True, type=click.Choice(list(TASKS)))
@click.option(
    "--variant", "variants", multiple=True, help="Codes; by default the nine, GRU and RNN."
)
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
    from odyssey.networks.cells import get_cell, has_kernels
    from odyssey.networks.variants import VARIANTS

    step, peers = _benchmark("step"), _benchmark("peers")
    if absent := ", ".join(peers.absent()):
        click.echo(f"not installed, so not measured: {absent}", err=True)
    rows = []
    try:
        codes = variants or (*VARIANTS, "GRU", "RNN")
        if lacking := [code for code in codes if not has_kernels(get_cell(code))]:
            raise ValueError(f"the fused kernels don't know {', '.join(lacking)}")
        for found in step.measure(tasks or TASKS, codes, sizes, rounds, cpu_time):
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
