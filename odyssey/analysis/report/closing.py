"""What a person reads on the terminal when a study is done."""

from collections.abc import Iterable
from pathlib import Path

from odyssey.analysis.findings import Findings, UnusableFile
from odyssey.analysis.report.short import in_short
from odyssey.study.study import Study


def closing_words(study: Study, configfiles: Iterable[str | Path] = ()) -> str:
    """Return where the report is, each task's best trial, and how to look further.

    Empty if there is no report of all tasks.
    """
    page, root = study.results / "report.html", study.results
    if not page.exists():
        return ""
    fanova, comparison = (
        [root / kind / f"{task}.json" for task in study.tasks] for kind in ("fanova", "comparison")
    )
    data = [study.data_path(task) for task in study.tasks]
    try:
        findings = Findings.load([root / "trials.csv"], fanova, comparison, data=data)
    except (OSError, UnusableFile):
        return ""
    given = "".join(f" --configfile {path}" for path in configfiles)
    best = [f"  {row.title}: {row.best}" for row in in_short(findings)]
    further = (
        f"  odyssey status{given}           how far the trials are, and which failed",
        f"  odyssey plan{given}             what more trials would cost",
        "  docs/tutorial.md                how to read the report, and to change the study",
    )
    return "\n".join(
        (f"Open {page}", "Best on the validation set:", *best, "Go on with:", *further)
    )
