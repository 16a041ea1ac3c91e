"""The whole report from tables of trials alone, without training, data or Snakemake."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from odyssey import paper
from odyssey.analysis.comparison import write_comparison
from odyssey.analysis.fanova.of_study import write_fanova
from odyssey.analysis.figures.draw import plot
from odyssey.analysis.findings import Findings, read_trials, require
from odyssey.analysis.report.page import write_report
from odyssey.analysis.with_paper import write_with_paper
from odyssey.runs.products import figure_names
from odyssey.study.study import Study

#: Columns that the report needs besides the study's hyperparameters.
WORDS = ("task", "variant", "status", "host", "source")
NUMBERS = ("trial", "parameters", "epochs", "best_epoch", "valid", "test", "seconds", "seed")


class UnusableTable(ValueError):
    """A table that does not hold trials of this study; the message is one line."""


def read_table(path: Path) -> pd.DataFrame:
    """Return a table of trials; UnusableTable if the file is no CSV."""
    try:
        return read_trials(path)
    except (ValueError, OSError) as error:
        reason = str(error).strip().replace("\n", " ")
        raise UnusableTable(f"{path}: must be a table of trials as CSV: {reason}") from error


def report_on_tables(
    study: Study,
    tables: Iterable[Path],
    captions: Iterable[str | Path],
    out: Path,
    workers: int = 1,
) -> Path:
    """Write the report on tables like trials.csv into the folder ``out``; return the page.

    The folder also gets the trials, the analyses and the figures. The study says which tasks,
    variants and laws there are; other trials are refused. Raises UnusableTable.
    """
    paths = list(tables)
    if out.resolve() == study.results.resolve():
        raise UnusableTable(f"{out} holds the results of the study itself: give another folder")
    if any(out.resolve() in path.resolve().parents for path in paths):
        raise UnusableTable(
            f"the report's folder must not hold its tables, {out} does: give another"
        )
    trials = pd.concat([read_table(path) for path in paths], ignore_index=True)
    check_trials(study, trials)
    tasks = [task for task in study.tasks if (trials.task == task).any()]
    for task in tasks:
        (out / task).mkdir(parents=True, exist_ok=True)
        trials[trials.task == task].to_csv(out / task / "trials.csv", index=False)
    return write_all(study, tasks, captions, out / "report.html", workers)


def write_all(
    study: Study,
    tasks: Iterable[str],
    captions: Iterable[str | Path],
    out: Path,
    workers: int,
    data: Mapping[str, Path] = MappingProxyType({}),
    curves: Iterable[Path] = (),
) -> Path:
    """Analyse the tables <task>/trials.csv beside ``out``, draw all figures, write the page.

    ``data`` maps tasks to their prepared files, where these exist; ``curves`` are tables of epochs.
    """
    folder, tasks = out.parent, list(tasks)
    tables = [folder / task / "trials.csv" for task in tasks]
    kinds = ("fanova", "comparison", "paper")
    fanova, comparison, papers = ([folder / k / f"{task}.json" for task in tasks] for k in kinds)
    for k, task in enumerate(tasks):
        write_fanova(study, task, tables[k], fanova[k], workers)
        write_comparison(study, task, tables[k], comparison[k])
        write_with_paper(study, task, tables[k], data.get(task), papers[k])
    findings = Findings.load(tables, fanova, comparison, curves, data.values(), papers)
    findings.save(folder)
    _write_page(study, findings, captions, out, folder / "figures", (".svg", ".png"))
    return out


def write_task_report(
    study: Study, findings: Findings, captions: Iterable[str | Path], out: Path
) -> None:
    """Draw the figures of what is found so far, and write the page with them inside."""
    study = Study({**study.config, "tasks": list(findings.tasks)})
    with tempfile.TemporaryDirectory() as folder:
        _write_page(study, findings, captions, out, Path(folder), (".svg",))


def _write_page(
    study: Study,
    findings: Findings,
    captions: Iterable[str | Path],
    out: Path,
    folder: Path,
    kinds: Iterable[str],
) -> None:
    """Draw all figures into a folder, each of some kinds of files, the first for the page."""
    tasks = [task for task in study.tasks if task in findings.tasks]
    figures = [[folder / f"{name}{kind}" for kind in kinds] for name in figure_names(tasks)]
    for first, *others in figures:
        plot(first.stem, findings, first, *others)
    write_report(study, findings, [first for first, *_ in figures], captions, out)


def check_trials(study: Study, trials: pd.DataFrame) -> None:
    """Raise UnusableTable unless these are trials of the study, each once."""
    _require(trials, NUMBERS, (*WORDS, "diverged_epoch"))
    for column, known in (("task", study.tasks), ("variant", study.variants)):
        others = sorted(set(trials[column].astype(str)) - set(known))
        if others:
            raise UnusableTable(
                f"trials of {column} {', '.join(others)} do not belong to this study, which has "
                f"{', '.join(known)}: give its --configfile"
            )
    searches = set(zip(trials.task, trials.variant, strict=True))
    drawn = {name for search in searches for name in study.searched(*search)}
    some = {name for task in study.tasks for name in study.conditional(task)}
    _require(trials, (), sorted(drawn - some - set(paper.SAMPLED)))
    twice = trials[trials.duplicated(["task", "variant", "trial"])]
    if len(twice):
        task, variant, trial = twice[["task", "variant", "trial"]].iloc[0]
        raise UnusableTable(
            f"every trial must be in the tables once, {task} {variant} {trial} is there more often"
        )
    if trials.empty:
        raise UnusableTable("a report needs at least one trial, the tables have none")


def _require(trials: pd.DataFrame, numbers: Iterable[str], words: Iterable[str]) -> None:
    try:
        require(trials, numbers, words)
    except ValueError as error:
        raise UnusableTable(str(error)) from error
