"""Rule train_trials: train a block of trials and write its declared file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.runs.block import BlockError, run_block
from odyssey.runs.stopping import Stopped
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(
    config: Mapping[str, Any],
    task: str,
    variant: str,
    first: int,
    last: int,
    data: Path,
    out: Path,
    workers: int,
    log: Path,
) -> None:
    """Train trials ``first`` to ``last`` of one search, ``workers`` at a time."""
    try:
        run_block(Study(config), task, variant, first, last, data, out, workers, log)
    except (BlockError, Stopped) as error:
        sys.exit(f"{error}; see {log}")


if __name__ == "__main__":
    main(
        snakemake.config,
        snakemake.wildcards.task,
        snakemake.wildcards.variant,
        int(snakemake.wildcards.first),
        int(snakemake.wildcards.last),
        Path(snakemake.input.data),
        Path(snakemake.output[0]),
        snakemake.threads,
        Path(snakemake.log[0]),
    )
