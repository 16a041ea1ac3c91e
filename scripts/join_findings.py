"""Rule join_findings: what each task gave → one table of trials, one file of each analysis."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.analysis.findings import Findings
from odyssey.runs.products import receipted

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    trials: Iterable[str],
    fanova: Iterable[str],
    comparison: Iterable[str],
    paper: Iterable[str],
    out: Path,
) -> None:
    """Write one table of trials and one JSON file of each analysis into the folder ``out``."""
    Findings.load(trials, fanova, comparison, paper=paper).save(out)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            snakemake.input.trials,
            snakemake.input.fanova,
            snakemake.input.comparison,
            snakemake.input.paper,
            Path(snakemake.output[0]).parent,
        )
