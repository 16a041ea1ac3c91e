"""Rule join_findings: what each task gave → one table of trials, one file of each analysis."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.analysis.findings import Findings
from odyssey.products import receipted

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    trials: Iterable[str], fanova: Iterable[str], comparison: Iterable[str], out: Path
) -> None:
    """Write trials.csv, fanova.json and comparison.json into the folder ``out``."""
    Findings.load(trials, fanova, comparison).save(out)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            snakemake.input.trials,
            snakemake.input.fanova,
            snakemake.input.comparison,
            Path(snakemake.output[0]).parent,
        )
