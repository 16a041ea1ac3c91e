"""Rule prepare: one task's corpus → one file of prepared data."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.storage.datasets import DataError
from odyssey.study.study import Study
from odyssey.tasks import prepare

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], task: str, out: Path, log: Path) -> None:
    """Prepare ``task`` as its section of ``data`` in the config says."""
    logging.basicConfig(
        filename=log, filemode="w", encoding="utf-8", level=logging.INFO, format="%(message)s"
    )
    try:
        prepare.prepare(task, out=out, **Study(config).data_options(task))
    except DataError as error:
        logging.error("%s", error)
        sys.exit(f"{error}; see {log}")


if __name__ == "__main__":
    main(
        snakemake.config,
        snakemake.wildcards.task,
        Path(snakemake.output[0]),
        Path(snakemake.log[0]),
    )
