"""Rule report: everything a study found → one self-contained page."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.analysis.findings import Findings
from odyssey.analysis.report.page import write_report
from odyssey.runs.products import receipted
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], files: Any, out: Path) -> None:
    """Write the page; ``files`` are the rule's inputs by name."""
    parts = files.trials, files.fanova, files.comparison, files.curves, files.data, files.paper
    findings = Findings.load(*parts)
    write_report(Study(config), findings, files.figures, files.captions, out)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(snakemake.config, snakemake.input, Path(snakemake.output[0]))
