"""Rule aggregate_trials: all block files → the table of trials and the table of epochs."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.runs.products import receipted
from odyssey.runs.tables import collect

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(blocks: Iterable[Path], trials: Path, curves: Path) -> None:
    """Write the tables as CSV."""
    rows, epochs = collect(blocks)
    rows.to_csv(trials, index=False)
    epochs.to_csv(curves, index=False)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            [Path(block) for block in snakemake.input],
            Path(snakemake.output.trials),
            Path(snakemake.output.curves),
        )
