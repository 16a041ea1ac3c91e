"""Rule partial_report: the trials that are finished so far → the report on them."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.analysis.report.partial import NothingYet, write_partial
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], captions: Iterable[str], out: Path, workers: int) -> None:
    """Write the page of all finished trials."""
    try:
        write_partial(Study(config), captions, out, workers)
    except NothingYet as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(
        snakemake.config,
        snakemake.input.captions,
        Path(snakemake.params.out),
        snakemake.threads,
    )
