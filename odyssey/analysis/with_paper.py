"""Whether the paper's figures are shown beside ours, and the distance of a task's trials to it.

The config's ``analysis.paper`` decides: ``comparable`` shows them where the prepared data are the
paper's, ``always`` everywhere, ``never`` nowhere. Tasks that are none of the paper's have no
figures in it. Without prepared data, as in a report on a table of trials alone, ``always`` also
says that the data are the paper's.
"""

from pathlib import Path

from odyssey import paper
from odyssey.analysis.findings import read_trials, write_record
from odyssey.analysis.records import Distance, WithPaper
from odyssey.storage.datasets import load_dataset
from odyssey.study.study import Study


def write_with_paper(study: Study, task: str, trials: Path, data: Path | None, out: Path) -> None:
    """Write the comparison of one task with the paper as JSON.

    ``data`` is the prepared file, None where there is none. Where the distances cannot be made
    ``reason`` says why.
    """
    asked = study.analysis.paper
    comparable = load_dataset(data).comparable if data else asked == "always"
    wanted = asked == "always" or (asked == "comparable" and comparable)
    beside = wanted and task in paper.TASKS
    distances: tuple[Distance, ...] = ()
    reason = ""
    if beside:
        # Its forests take a second to import, and most studies are beside nothing.
        from odyssey.analysis.distance import distance

        try:
            rows = distance(read_trials(trials), study.seed)
            distances = tuple(row for row in rows if row.task == task)
        except ValueError as error:
            reason = str(error)
    write_record(out, WithPaper(comparable, beside, distances, reason))
