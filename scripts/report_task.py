"""Rule report_task: what one task gave → its own page, before the other tasks are done."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odyssey.analysis.findings import Findings
from odyssey.analysis.report.of_tables import write_task_report
from odyssey.runs.products import receipted
from odyssey.study.study import Study

if TYPE_CHECKING:
    from snakemake.script import snakemake


def main(config: Mapping[str, Any], files: Any, out: Path) -> None:
    """Write the page; ``files`` are the rule's inputs by name."""
    tables = [files.trials], [files.fanova], [files.comparison], [files.curves]
    findings = Findings.load(*tables, [files.data], [files.paper])
    write_task_report(Study(config), findings, files.captions, out)


if __name__ == "__main__":
    with receipted(snakemake.config, snakemake.output):
        main(snakemake.config, snakemake.input, Path(snakemake.output[0]))
