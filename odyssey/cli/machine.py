"""``odyssey doctor``, ``odyssey gpu`` and ``odyssey build``: what this machine can do."""

from contextlib import chdir
from pathlib import Path

import click

from odyssey.cli.common import of_a_study


@click.command()
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


@click.command()
def gpu() -> None:
    """Show what GPUs this machine has, what will run on them and why the rest won't."""
    from odyssey.engines.gpu.device import report

    for line in report():
        click.echo(line)


@click.command("build")
@click.argument("variants", nargs=-1)
@click.option("--set", "sets", multiple=True, help="Instruction set; all of them by default.")
@click.option("--here", is_flag=True, help="The instruction set that this processor will use.")
def build_kernels(variants: tuple[str, ...], sets: tuple[str, ...], here: bool) -> None:
    """Build the fused kernels of VARIANTS (the paper's nine by default), if they are not yet."""
    from odyssey.engines.fused import KernelError, build
    from odyssey.networks.cells import get_cell
    from odyssey.networks.variants import VARIANTS

    if sets and here:
        raise click.UsageError("--here chooses the instruction set: leave out --set, or --here")
    try:
        rows = [get_cell(code) for code in variants or VARIANTS]
        library = build(rows, sets or None, here)
    except (KernelError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for name, value in library.description().items():
        if name != "left_out":
            click.echo(f"{name}: {value}")
    for refused in library.left_out.values():
        click.echo(f"left out: {refused}")
