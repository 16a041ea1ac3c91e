"""``odyssey doctor``: will a study run on this machine, and if not, why, and what to do.

A check is a function that returns rows or yields them; a new one goes into ``checks``. They are in
``machine_checks`` (what the machine is), ``software_checks`` (what is installed) and
``slurm_checks``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from odyssey.checks import machine as machine_checks
from odyssey.checks import slurm as slurm_checks
from odyssey.checks import software as software_checks
from odyssey.checks.check import Row, fail, ok, one_line, rows_of, warn
from odyssey.study.study import ConfigError, Study, read_study

Check = Callable[[], Row | Iterable[Row]]
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def examine(files: Sequence[Path] = ()) -> Iterator[Row]:
    """Yield what every check finds, for the study of config.yaml with ``files`` laid over it."""
    study: Study | None = None
    if files or Path("config.yaml").exists():
        try:
            study = read_study(files)
            yield ok("study", f"{', '.join(study.tasks)}: results in {study.results}")
        except Exception as error:  # no trouble with a file may end the other checks
            yield fail("study", str(error) if isinstance(error, ConfigError) else one_line(error))
    else:
        yield warn("study", "no config.yaml here: run this in the folder of your study")
    for name, check in checks(study):
        yield from rows_of(name, check)


def checks(study: Study | None) -> Iterator[tuple[str, Check]]:
    """Yield all checks by name, the quick ones first."""
    yield "Python", software_checks.check_python
    yield "packages", software_checks.check_packages
    yield "locale", machine_checks.check_locale
    yield "account", machine_checks.check_account
    yield "temporary files", machine_checks.check_temporary
    yield "shared memory", machine_checks.check_semaphores
    yield "limits", machine_checks.check_limits
    for name, folder in _folders(study):
        yield name, partial(machine_checks.check_folder, name, folder)
    yield "compiler", partial(software_checks.check_compiler, study)
    yield "MXNet", software_checks.check_mxnet
    yield "analysis", software_checks.check_analysis
    yield "GPU", partial(software_checks.check_gpu, study)
    yield "SLURM", partial(slurm_checks.slurm_rows, study)


def _folders(study: Study | None) -> Iterator[tuple[str, Path]]:
    if study is None:
        yield "this folder", Path()
        return
    yield "results", study.results
    yield "data", study.data_path(study.tasks[0]).parent


def show(rows: Iterable[Row], plain: bool) -> bool:
    """Print the rows as they come and a verdict; return whether a study can run here."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(no_color=plain or None, highlight=False, soft_wrap=True)
    found: list[Row] = []
    for row in rows:
        found.append(row)
        state = row.state.ljust(4)
        mark = state if plain else f"[{_COLOURS[row.state]}]{state}[/]"
        console.print(f"{mark}  {escape(row.name)}: {escape(row.text)}")
    failed = [row.name for row in found if row.state == "fail"]
    if failed:
        console.print(f"A study can't run here: {', '.join(dict.fromkeys(failed))}.")
    else:
        console.print("A study can run here.")
    return not failed
