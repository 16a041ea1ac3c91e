"""What a run shows on a terminal: how far its steps are, one line for each task, what is at work.

It stands in place of Snakemake's words, which go to a file of their own; warnings and errors still
come through.
"""

import atexit
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from odyssey.runs.progress import Progress, survey
from odyssey.study.study import Study
from odyssey.units import duration

#: Jobs at work that are named.
_MOST_NAMED = 3
#: Name that Snakemake gives to the handler that writes to the terminal.
_ON_TERMINAL = "DefaultStreamHandler"


class RunView(logging.Handler):
    """A part of the terminal that is drawn anew every second, until ``stop``.

    As a handler of Snakemake's logger it hears of jobs that begin and end; how far the trials are
    it reads from their files.
    """

    def __init__(self, study: Study, console: Console | None = None) -> None:
        super().__init__()
        self._study = study
        self._console = console or Console(stderr=True)
        self._steps, self._at_work = (0, 0), dict[int, str]()
        self._tasks = {task: _Task() for task in study.tasks}
        self._next_look = 0.0
        self._hushed: list[logging.Handler] = []
        self._live = Live(
            get_renderable=self.view, console=self._console, refresh_per_second=1, transient=True
        )

    def start(self, logger: logging.Logger) -> None:
        """Take the terminal from Snakemake's logger, warnings and errors apart."""
        self._live.start()
        self._hushed = [handler for handler in logger.handlers if handler.name == _ON_TERMINAL]
        for handler in self._hushed:
            logger.removeHandler(handler)
            self.setFormatter(handler.formatter)
        logger.addHandler(self)
        self._logger = logger
        atexit.register(self.stop)

    def stop(self) -> None:
        """Give the terminal back."""
        if not self._live.is_started:
            return
        self._live.stop()
        self._logger.removeHandler(self)
        for handler in self._hushed:
            self._logger.addHandler(handler)
        self._console.print(self.view())

    def emit(self, record: logging.LogRecord) -> None:
        """Take in an event of Snakemake's; show warnings and errors."""
        if record.levelno >= logging.WARNING:
            self._console.print(Text.from_ansi(self.format(record)))
        kind = getattr(getattr(record, "event", None), "name", "")
        if kind == "JOB_INFO":
            self._at_work[record.jobid] = record.rule_msg or record.rule_name  # type: ignore[attr-defined]
        elif kind in ("JOB_FINISHED", "JOB_ERROR"):
            self._at_work.pop(getattr(record, "job_id", getattr(record, "jobid", -1)), None)
        elif kind == "PROGRESS":
            self._steps = record.done, record.total  # type: ignore[attr-defined]

    def view(self) -> Group:
        """Return what is on the screen now."""
        if time.monotonic() >= self._next_look:
            self._look()
        table = Table.grid(padding=(0, 2, 0, 0))
        for name, task in self._tasks.items():
            table.add_row(name, *task.row())
        done, total = self._steps
        head = f"{done} of {total} steps" if total else "beginning"
        jobs = [" ".join(words.split()) for words in list(self._at_work.values())]
        more = f" and {len(jobs) - _MOST_NAMED} more" if len(jobs) > _MOST_NAMED else ""
        named = "; ".join(jobs[:_MOST_NAMED]) + more
        return Group(table, Text(f"{head}{': ' if named else ''}{named}", style="dim"))

    def _look(self) -> None:
        """Read the files; the more of them there are, the more rarely."""
        began = time.monotonic()
        trials, epochs = list(survey(self._study)), self._study.protocol.epochs
        for name, task in self._tasks.items():
            task.update((row for row in trials if row.task == name), epochs)
        self._next_look = began + max(1.0, 10 * (time.monotonic() - began))


class _Task:
    """One task's trials, and how fast they have become more since the first of this run began."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._states = clock, Counter[str]()
        self._amount = self._at_first = 0.0
        self._since: float | None = None
        self._now = 0.0

    def update(self, trials: Iterable[Progress], epochs: int) -> None:
        """Take in where the trials stand."""
        self._states.clear()
        self._amount = 0.0
        for trial in trials:
            self._states[trial.state] += 1
            self._amount += 1.0 if trial.ended else min(1.0, trial.epoch / epochs)
        self._now = self._clock()
        if self._since is None and self._states["running"]:
            self._since, self._at_first = self._now, self._amount

    def row(self) -> tuple[ProgressBar, str, Text]:
        """Return bar, count and time left."""
        total = self._states.total()
        ended = self._states["finished"] + self._states["diverged"]
        bar = ProgressBar(total or 1, self._amount, width=30, finished_style="green")
        return bar, f"{ended} of {total} trials", self._left(total, ended)

    def _left(self, total: int, ended: int) -> Text:
        if failed := self._states["failed"]:
            return Text(f"{failed} failed", style="red")
        if total and ended == total:
            return Text("done", style="green")
        gained, spent = self._amount - self._at_first, self._now - (self._since or 0.0)
        if self._since is None or gained < 1:
            return Text("" if self._states["running"] else "waiting", style="dim")
        return Text(f"{duration((total - self._amount) * spent / gained)} left")
