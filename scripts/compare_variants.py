"""Rule compare_variants: a task's table of trials → its variants against vanilla."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.analysis.comparison import write_comparison
from odyssey.runs.products import receipted
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], task: str, trials: Path, out: Path) -> None:
    """Write the comparison of one task's variants as JSON."""
    write_comparison(Study(config), task, trials, out)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(
            snakemake.config,
            snakemake.wildcards.task,
            Path(snakemake.input[0]),
            Path(snakemake.output[0]),
        )
