"""Rule build_kernels: compile the fused kernels of a study's variants."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.engines.fused import KernelError, build
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], here: bool, out: Path, log: Path) -> None:
    """Build the library of the variants, and write down where it is and what is in it."""
    try:
        library = build(Study(config).fused_variants, here=here)
    except KernelError as error:
        log.write_text(f"{error}\n", encoding="utf-8")
        sys.exit(f"{error}")
    log.write_text("".join(f"{text}\n" for text in library.left_out.values()), encoding="utf-8")
    library.declare(out)


if __name__ == "__main__":
    main(
        snakemake.config,
        snakemake.resources.instruction_sets == "own",
        Path(snakemake.output[0]),
        Path(snakemake.log[0]),
    )
