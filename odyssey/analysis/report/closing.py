"""What a person reads on the terminal when a study is done."""

import os
from collections.abc import Iterable
from pathlib import Path

from odyssey.analysis.findings import Findings, UnusableFile
from odyssey.analysis.report.short import in_short
from odyssey.study.study import Study

#: The study that all others are laid over; commands find it by themselves.
OWN = "config.yaml"


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
    data = [path for task in study.tasks if (path := study.data_path(task)).exists()]
    try:
        findings = Findings.load([root / "trials.csv"], fanova, comparison, data=data)
    except (OSError, UnusableFile):
        return ""
    given = "".join(f" --configfile {_short(p)}" for p in configfiles if Path(p).name != OWN)
    best = [f"  {row.title}: {row.best}" for row in in_short(findings)]
    further = (
        f"  how far the trials are, and which failed: odyssey status{given}",
        f"  what more of them would cost: odyssey plan{given}",
        "  how to read the report, and to change the study: docs/tutorial.md",
    )
    return "\n".join(
        (f"Open {page}", "Best on the validation set:", *best, "Go on with:", *further)
    )


def _short(path: str | Path) -> str:
    """Return a path as one types it in this folder."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else str(path)
