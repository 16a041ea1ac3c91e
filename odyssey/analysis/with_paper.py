"""Whether the paper's figures stand beside ours, and how far from it a task's trials are.

The config's ``analysis.paper`` decides: ``comparable`` shows them where the prepared data are the
paper's, ``always`` everywhere, ``never`` nowhere. Without prepared data, as in a report on a table
of trials alone, ``always`` also says that the data are the paper's.
"""

from pathlib import Path
from typing import Any

from odyssey.analysis.distance import distance
from odyssey.analysis.findings import read_trials, write_json
from odyssey.storage.datasets import load_dataset
from odyssey.study.study import Study


def write_with_paper(study: Study, task: str, trials: Path, data: Path | None, out: Path) -> None:
    """Write ``beside``, ``comparable`` and ``distances`` of one task as JSON.

    ``data`` is the prepared file, None where there is none. Where the distances cannot be made
    ``reason`` says why.
    """
    asked = study.config["analysis"]["paper"]
    comparable = load_dataset(data).comparable if data else asked == "always"
    found: dict[str, Any] = {
        "comparable": comparable,
        "beside": asked == "always" or (asked == "comparable" and comparable),
        "distances": [],
        "reason": "",
    }
    if found["beside"]:
        try:
            rows = distance(read_trials(trials), study.seed)
            found["distances"] = [vars(row) for row in rows if row.task == task]
        except ValueError as error:
            found["reason"] = str(error)
    write_json(out, found)
