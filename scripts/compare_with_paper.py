"""Rule compare_with_paper: a task's table of trials → how far it is from the paper's figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.analysis.with_paper import write_with_paper
from odyssey.runs.products import receipted
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], task: str, trials: Path, data: Path, out: Path) -> None:
    """Write the distances of one task as JSON."""
    write_with_paper(Study(config), task, trials, data, out)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            snakemake.config,
            snakemake.wildcards.task,
            Path(snakemake.input.trials),
            Path(snakemake.input.data),
            Path(snakemake.output[0]),
        )
