"""``odyssey export`` and ``odyssey predict``: trained networks, out again."""

import os
from pathlib import Path

import click

from odyssey.cli.common import errors_in_a_line, of_a_study, opened_study

_TRIAL = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("trial", type=_TRIAL)
@click.option(
    "--to",
    "format",
    required=True,
    type=click.Choice(["npz", "torch", "onnx"]),
    help="NumPy's arrays; a state dict of torch.nn's LSTM, GRU or RNN; an ONNX model.",
)
@click.option("--out", type=_OUT, help="By default TASK-VARIANT-TRIAL with the format's ending.")
def export(trial: Path, format: str, out: Path | None) -> None:
    """Write the best weights of TRIAL, a finished trial's file, for other programs.

    They are those of the file's best epoch on validation. Inputs must be prepared as in training.
    """
    from odyssey.export.formats import FORMATS
    from odyssey.export.weights import CannotExport, read_trained
    from odyssey.runs.epochs import NotFinished

    suffix, write = FORMATS[format]
    with errors_in_a_line():
        _must_be_a_file(trial)
        try:
            trained = read_trained(trial)
            out = out or Path(trained.name.replace("/", "-") + suffix)
            _must_be_another(out, trial)
            shapes = write(trained, out)
        except (CannotExport, NotFinished) as error:
            raise click.ClickException(str(error)) from error
    for name, shape in shapes.items():
        click.echo(f"{name:<32}{' × '.join(map(str, shape))}")
    click.echo(f"{out}: {trained.name} at epoch {trained.about['best_epoch']}")


@click.command("predict")
@click.argument("trial", type=_TRIAL)
@click.argument("file", type=_TRIAL)
@click.option("--out", type=_OUT, help="By default FILE's name with -TASK-VARIANT-TRIAL.")
@click.option(
    "--data", type=_TRIAL, help="Prepared data that TRIAL was trained on; by default the study's."
)
@of_a_study
def predict_(
    trial: Path,
    file: Path,
    out: Path | None,
    data: Path | None,
    files: tuple[Path, ...],
    directory: Path | None,
) -> None:
    """Write the activations of TRIAL's network, at its best epoch, for the sequences of FILE.

    FILE holds prepared data, or arrays as odyssey.datasets.save_arrays writes them, of which only x
    and lengths are needed: they are scaled as the trial's own data were. The study says with which
    kernels, and knows tasks and cells of your own.
    """
    trial, file = trial.absolute(), file.absolute()
    out, data = out and out.absolute(), data and data.absolute()
    here = Path.cwd()
    for path in (trial, file):
        _must_be_a_file(path)
    with opened_study(files, directory) as study:
        from odyssey.engines.fused import KernelError
        from odyssey.engines.gpu.driver import GpuError
        from odyssey.predict.activations import predict, write_activations
        from odyssey.predict.network import CannotPredict, read_finished
        from odyssey.predict.sequences import read_sequences
        from odyssey.runs.epochs import NotFinished
        from odyssey.storage.datasets import DataError
        from odyssey.tasks import get_task

        try:
            finished = read_finished(trial)
            spec = finished.spec
            name = str(spec).replace("/", "-")
            out = out or here / f"{file.stem}-{name}.h5"
            data = data or study.data_path(spec.task).absolute()
            _must_be_another(out, trial, file, data)
            sequences = read_sequences(file, finished, data)
            done = predict(finished, sequences, study.kernels, study.device(spec.task))
            write_activations(out, finished, sequences, done)
        except (CannotPredict, DataError, GpuError, KernelError, NotFinished) as error:
            raise click.ClickException(str(error)) from error
    for name, split in sequences.splits.items():
        figure = (
            f", {done.figures[name]:.4f} {get_task(spec.task).unit}" if name in done.figures else ""
        )
        click.echo(f"{name:<8}{len(split)} sequences{figure}")
    if done.kernels != finished.kernels:
        click.echo(
            f"Computed by {done.kernels}, trained by {finished.kernels}: last bits may differ"
        )
    click.echo(f"{os.path.relpath(out)}: {spec} at epoch {finished.best_epoch}")


def _must_be_a_file(path: Path) -> None:
    if not path.is_file():
        raise click.ClickException(f"{path}: must be a file of odyssey's, is a device or a pipe")


def _must_be_another(out: Path, *read: Path) -> None:
    for path in read:
        if out.exists() and path.exists() and out.samefile(path):
            raise click.ClickException(f"--out must be another file than {path}, which is read")
