"""``odyssey fanova``: which hyperparameter matters how much, in the trials of any tool."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from odyssey.cli.common import console, of_a_study, opened_study

if TYPE_CHECKING:
    from odyssey.analysis.fanova.of_trials import Importance
    from odyssey.analysis.fanova.trials import Trials
    from odyssey.study.search import Law

#: Effects that the terminal shows.
MOST_ROWS = 15
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("source")
@click.option("--target", help="Column with the figure; an Optuna study's only objective is found.")
@click.option("--maximize", is_flag=True, help="Higher is better; lower is by default.")
@click.option("--law", "laws", multiple=True, help="As lr=log-uniform:1e-5:1e-1, opt=choice:a,b.")
@click.option("--space", type=_FILE, help="YAML: name → {law, low, high} or {law, levels}.")
@click.option("--factor", "only", multiple=True, help="Only these columns; all by default.")
@click.option("--without", multiple=True, help="Columns that are no factors.")
@click.option("--top", default=1.0, type=click.FloatRange(0, 1, min_open=True), help="Best share.")
@click.option("--default", multiple=True, help="NAME=VALUE of each factor: where ablation starts.")
@click.option("--study", "name", help="Which study of an Optuna storage.")
@click.option("--task", help="Of a table of our own: its task, whose study gives the laws.")
@click.option("--variant", help="Of a table of our own: one variant.")
@of_a_study
@click.option("--trees", default=64, show_default=True, type=click.IntRange(1, 10_000))
@click.option(
    "--forest",
    default="accurate",
    show_default=True,
    type=click.Choice(["accurate", "paper", "package"]),
)
@click.option("--totals", is_flag=True, help="Also total effects, which take most of the time.")
@click.option("--bootstrap", default=0, type=click.IntRange(0, 100_000), help="For intervals.")
@click.option("--seed", default=0, type=click.IntRange(0, 2**32 - 1))
@click.option("--threads", default=1, type=click.IntRange(1, 1024))
@click.option("--to-optuna", metavar="STORAGE", help="Also write the trials as a study of it.")
@click.option("--to-deepcave", type=_FOLDER, help="Also write them as a run that DeepCAVE opens.")
@click.option("--out", default="fanova", type=_FOLDER)
def fanova(
    source: str,
    target: str | None,
    laws: Sequence[str],
    space: Path | None,
    default: Sequence[str],
    only: Sequence[str],
    name: str | None,
    task: str | None,
    variant: str | None,
    files: tuple[Path, ...],
    directory: Path | None,
    forest: str,
    threads: int,
    to_optuna: str | None,
    to_deepcave: Path | None,
    out: Path,
    **asked: Any,
) -> None:
    """Say which hyperparameters matter in the trials of SOURCE, and write it as a page.

    SOURCE is a CSV or Parquet table, a storage of Optuna (sqlite:///study.db), the folder of a Ray
    Tune experiment, a CSV exported from W&B, or a trials.csv of our own, with --task.
    """
    from odyssey.analysis.fanova.of_trials import importance
    from odyssey.analysis.fanova.tables import law_of_text, read_trials_of
    from odyssey.analysis.fanova.trials import UnusableTrials
    from odyssey.analysis.fanova.usable import Asked
    from odyssey.analysis.report.importance import write_importance

    try:
        trials = _rows_of(read_trials_of(source, name), task=task, variant=variant)
        given = _of_study(files, directory, task, trials) if task else {}
        given |= (_of_file(space) if space else {}) | dict(map(law_of_text, laws))
        question = Asked(
            target=target or _only_target(trials, task),
            laws=given,
            # Of a study's table only what it searched is a factor, not its other columns.
            only=only or tuple(given if task else ()),
            setting=forest,
            workers=threads,
            default=dict(map(_setting, default)),
            **asked,
        )
        with _progress() as progress:
            found = importance(trials, question, progress)
        out.mkdir(parents=True, exist_ok=True)
        page = write_importance(found, source, out)
        written = list(
            _exported(trials, question, to_optuna, to_deepcave, name or Path(source).stem)
        )
    except UnusableTrials as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or out}: {error.strerror or error}") from error
    _show(found)
    for line in written:
        click.echo(line)
    click.echo(f"{page}: open it in a browser")


def _of_study(
    files: tuple[Path, ...], directory: Path | None, task: str, trials: "Trials"
) -> "dict[str, Law]":
    """Return the laws of what the study searched; of several variants the variant is a factor."""
    from odyssey.study.search import Choice

    with opened_study(files, directory) as study:
        if task not in study.tasks:
            raise click.ClickException(
                f"the study has no task {task!r}; it has {', '.join(study.tasks)}"
            )
        present = list(dict.fromkeys(trials.table.get("variant", ())))
        if unknown := [code for code in present if code not in study.variants]:
            raise click.ClickException(
                f"the study has no variant {unknown[0]!r}; it has {', '.join(study.variants)}"
            )
        if len(present) == 1:
            return dict(study.searched(task, present[0]))
        levels = {"variant": Choice(tuple(present))} if present else {}
        return {**study.factors(task), **levels}


def _exported(
    trials: "Trials", asked: Any, storage: str | None, folder: Path | None, name: str
) -> Iterator[str]:
    """Write the trials for other tools, and yield what was written."""
    from odyssey.analysis.fanova.exports import to_deepcave, to_optuna
    from odyssey.analysis.fanova.of_trials import selected

    if storage:
        number = to_optuna(selected(trials, asked), storage, name)
        yield f"{storage}: study {name} of {number} trials, for Optuna"
    if folder:
        number = to_deepcave(selected(trials, asked), folder)
        yield f"{folder}: a run of {number} trials, for DeepCAVE"


def _of_file(path: Path) -> "dict[str, Law]":
    import yaml

    from odyssey.analysis.fanova.trials import UnusableTrials

    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(name): _law_of(entry) for name, entry in entries.items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UnusableTrials(
            f"{path}: each line must be like lr: {{law: log-uniform, low: 1e-5, high: 0.1}} "
            f"(numbers with a point, 1.0e-5): {reason}"
        ) from error


def _law_of(entry: Mapping[str, Any]) -> "Law":
    """Return the law of an entry; unlike a study's its levels may be words."""
    from odyssey.study.search import Choice, parse_law

    if entry["law"] != "choice":
        return parse_law(entry)
    if not isinstance(entry["levels"], list):
        raise ValueError(f"levels must be a list, got {entry['levels']!r}")
    return Choice(tuple(entry["levels"]))


def _rows_of(trials: "Trials", **chosen: str | None) -> "Trials":
    from dataclasses import replace

    from odyssey.analysis.fanova.trials import UnusableTrials

    table = trials.table
    for column, value in chosen.items():
        if value is None:
            continue
        if column not in table or not (table[column] == value).any():
            raise UnusableTrials(f"the table has no row whose {column} is {value}")
        table = table[table[column] == value]
    return replace(trials, table=table)


def _only_target(trials: "Trials", task: str | None) -> str:
    from odyssey.analysis.fanova.trials import UnusableTrials

    if len(trials.targets) == 1:
        return trials.targets[0]
    if task:
        return "test"
    columns = ", ".join(map(str, trials.targets or trials.table.columns))
    raise UnusableTrials(f"--target must name the column with the figure; there are {columns}")


def _setting(text: str) -> tuple[str, Any]:
    from odyssey.analysis.fanova.tables import value_of
    from odyssey.analysis.fanova.trials import UnusableTrials

    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise UnusableTrials(f"--default must be NAME=VALUE, got {text!r}")
    return name, value_of(value)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        job = bar.add_task("reading", total=1.0)
        yield lambda what, share: bar.update(job, description=what, completed=share)


def _show(found: "Importance") -> None:
    from rich.table import Table

    terminal = console()
    intervals = any(effect.interval for effect in found.effects)
    table = Table("factors", "effect", "mean forest", *["95 %"] * intervals, "mean of trees")
    effects = sorted(found.effects, key=lambda effect: -effect.estimate)
    for effect in effects[:MOST_ROWS]:
        between = (
            effect.interval and f"{100 * effect.interval[0]:.1f}–{100 * effect.interval[1]:.1f}"
        )
        table.add_row(
            " × ".join(effect.factors) or "three and more",
            effect.kind,
            f"{100 * effect.estimate:.1f} %",
            *[between or ""] * intervals,
            f"{100 * effect.fraction:.1f} ± {100 * effect.std:.1f} %",
        )
    terminal.print(table)
    _shares("at the best trial, one factor at a time:", found.local)
    if found.path:
        steps = ", ".join(f"{s.factor} → {s.value:.4g}" for s in found.path[1:])
        click.echo(f"from the default ({found.path[0].value:.4g}): {steps}")
    for note in found.notes:
        click.echo(note)
    if found.inferred:
        laws = " ".join(f"--law {found.laws[name]!r}" for name in found.inferred)
        click.echo(f"inferred from the values, to be corrected: {laws}")


def _shares(head: str, shares: Mapping[str, float]) -> None:
    order = sorted(shares.items(), key=lambda row: -row[1])[:MOST_ROWS]
    if order:
        click.echo(head + " " + ", ".join(f"{name} {100 * s:.1f} %" for name, s in order))
