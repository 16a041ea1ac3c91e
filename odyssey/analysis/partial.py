"""A report on what is there so far, at any time, without waiting for the running study.

Trials count once they are finished, whether their block is or not. Intervals of the fANOVA are left
out: they take most of the time. Nothing of the study's own files is touched.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from odyssey.analysis.comparison import write_comparison
from odyssey.analysis.figures import figure_names, plot
from odyssey.analysis.findings import Findings
from odyssey.analysis.report import write_report
from odyssey.analysis.searches import write_fanova
from odyssey.checkpoint import DamagedFile
from odyssey.results import TrialResult, read_trial, tabulate
from odyssey.study import Study


class NothingYet(Exception):
    """No trial is finished; the message is one line."""


def write_partial(
    study: Study, captions: Iterable[str | Path], out: Path, workers: int = 1
) -> None:
    """Write the page of all finished trials to ``out``, its figures and tables beside it."""
    analysis = dict(study.config["analysis"]) | {"bootstrap": 0}
    quick, folder = Study(dict(study.config) | {"analysis": analysis}), out.parent
    tasks = [task for task in study.tasks if _write_tables(study, task, folder / task)]
    if not tasks:
        raise NothingYet(
            f"no trial of {study.results / 'trials'} is finished yet: wait for the first"
        )
    parts = {
        "trials": [folder / task / "trials.csv" for task in tasks],
        "fanova": [folder / "fanova" / f"{task}.json" for task in tasks],
        "comparison": [folder / "comparison" / f"{task}.json" for task in tasks],
        "curves": [folder / task / "curves.csv" for task in tasks],
        "data": [path for task in tasks if (path := study.data_path(task)).exists()],
    }
    for task, table, fanova, comparison in zip(tasks, *list(parts.values())[:3], strict=True):
        write_fanova(quick, task, table, fanova, workers)
        write_comparison(quick, task, table, comparison)
    findings = Findings.load(**parts)
    figures = [folder / "figures" / f"{name}.svg" for name in figure_names(tasks)]
    for path in figures:
        plot(path.stem, findings, path)
    write_report(study, findings, figures, captions, out)


def _write_tables(study: Study, task: str, folder: Path) -> bool:
    results = list(_finished(study, task))
    if results:
        folder.mkdir(parents=True, exist_ok=True)
        for table, name in zip(tabulate(results), ("trials", "curves"), strict=True):
            table.to_csv(folder / f"{name}.csv", index=False)
    return bool(results)


def _finished(study: Study, task: str) -> Iterator[TrialResult]:
    """Yield the results of a task's trial files; those of other settings or versions are none."""
    for variant in study.variants:
        for k in range(study.trials(task)):
            path = study.trial_path(task, variant, k)
            try:
                result = read_trial(path) if path.exists() else None
            except DamagedFile:
                continue
            if result and result.fingerprint == study.trial(task, variant, k).fingerprint:
                yield result
