"""The command line: ``odyssey --help``."""

import click

from odyssey import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Rerun, resume and extend the study "LSTM: A Search Space Odyssey"."""
