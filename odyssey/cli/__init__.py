"""The command line: ``odyssey --help``."""

import io
import sys

import click

from odyssey import __version__
from odyssey.cli.bench import bench
from odyssey.cli.data import inspect, prepare
from odyssey.cli.fanova import fanova
from odyssey.cli.machine import build_kernels, doctor, gpu
from odyssey.cli.results import distance, report
from odyssey.cli.study import plan, status
from odyssey.cli.trained import export, predict_


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Rerun, resume and extend the study "LSTM: A Search Space Odyssey"."""
    for stream in (sys.stdout, sys.stderr):  # a character that a terminal lacks ends no command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


for command in (
    bench,
    build_kernels,
    distance,
    doctor,
    export,
    fanova,
    gpu,
    inspect,
    plan,
    predict_,
    prepare,
    report,
    status,
):
    main.add_command(command)
