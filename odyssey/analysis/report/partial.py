"""A report on the trials that are finished so far, also while the study runs.

A trial counts once it is finished, even if its block is not. The study's own files are not changed.
The output has the layout of the study's results.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from odyssey.analysis.report.of_tables import write_all
from odyssey.runs.epochs import read_trial
from odyssey.runs.results import TrialResult, read_block
from odyssey.runs.survey import survey_trials
from odyssey.runs.tables import tabulate
from odyssey.storage.tree_file import DamagedFile
from odyssey.study.study import Study, TrialSpec


class NothingYet(Exception):
    """No trial is finished; the message is one line."""


def write_partial(
    study: Study, captions: Iterable[str | Path], out: Path, workers: int = 1
) -> None:
    """Write the page of all finished trials to ``out``, its tables and figures beside it.

    ``captions`` are those of ``report.write_report``; ``workers`` decompositions run at a time.
    Raises NothingYet.
    """
    folder = out.parent
    tasks = [task for task in study.tasks if _write_tables(study, task, folder / task)]
    if not tasks:
        raise NothingYet(
            f"a report needs a finished trial, {study.results} has none of this study: "
            "train first, odyssey status shows how far it is"
        )
    data = {task: study.data_path(task) for task in tasks if study.data_path(task).exists()}
    curves = [folder / task / "curves.csv" for task in tasks]
    write_all(study, tasks, captions, out, workers, data, curves)


def _write_tables(study: Study, task: str, folder: Path) -> bool:
    """Write trials.csv and curves.csv of a task; return whether there are any."""
    results = list(_finished(study, task))
    if results:
        folder.mkdir(parents=True, exist_ok=True)
        for table, name in zip(tabulate(results), ("trials", "curves"), strict=True):
            table.to_csv(folder / f"{name}.csv", index=False)
    return bool(results)


def _finished(study: Study, task: str) -> Iterator[TrialResult]:
    """Yield a task's results, from its blocks where they exist, else from its trials' files."""
    return filter(None, survey_trials(study, task, _of_block, _of_trial))


def _of_block(path: Path) -> dict[str, TrialResult | None]:
    try:
        return {result.fingerprint: result for result in read_block(path)}
    except (FileNotFoundError, DamagedFile):
        return {}


def _of_trial(spec: TrialSpec, path: Path) -> TrialResult | None:
    """Return a trial's result; None for other settings, another version or a damaged file."""
    try:
        return read_trial(path, spec)
    except (FileNotFoundError, DamagedFile):
        return None
