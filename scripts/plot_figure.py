"""Rule plot_figure: what was found → one figure, as SVG and PNG."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.analysis.figures.draw import plot
from odyssey.analysis.findings import Findings
from odyssey.runs.products import receipted

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    figure: str,
    trials: Iterable[str],
    fanova: Iterable[str],
    comparison: Iterable[str],
    paper: Iterable[str],
    outputs: Iterable[str],
) -> None:
    """Draw a figure by its name and write it to every output."""
    findings = Findings.load(trials, fanova, comparison, paper=paper)
    plot(figure, findings, *map(Path, outputs))


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            snakemake.wildcards.figure,
            snakemake.input.trials,
            snakemake.input.fanova,
            snakemake.input.comparison,
            snakemake.input.paper,
            snakemake.output,
        )
