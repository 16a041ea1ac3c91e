"""Rule run_fanova: a task's table of trials → its variance decompositions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.analysis.fanova.of_study import write_fanova
from odyssey.runs.products import receipted
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], task: str, trials: Path, out: Path, workers: int) -> None:
    """Write the decompositions of one task as JSON, ``workers`` searches at a time."""
    write_fanova(Study(config), task, trials, out, workers)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            snakemake.config,
            snakemake.wildcards.task,
            Path(snakemake.input[0]),
            Path(snakemake.output[0]),
            snakemake.threads,
        )
