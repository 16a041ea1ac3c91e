"""Rule join_trials: the tables of all tasks → one table of trials."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.analysis.findings import join_tables

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(tables: Iterable[str], out: Path) -> None:
    """Write the joined table as CSV."""
    join_tables(tables, out)


if __name__ == "__main__":
    main(snakemake.input, Path(snakemake.output[0]))
