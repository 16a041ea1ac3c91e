"""Distances to the paper as a table: several tables of trials side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from odyssey.analysis.figures.beside import boxes_beside
from odyssey.analysis.findings import read_trials
from odyssey.analysis.records import Distance

#: The distances of several tables of trials.
Distances = Mapping[Path, Sequence[Distance]]


def distance_view(distances: Distances) -> RenderableType:
    """Return a row for every part of a figure, a column for every table of trials."""
    table = Table(title="Distance to the paper, in sampling errors", title_justify="left")
    table.add_column("task, figure", no_wrap=True)
    table.add_column("unit of the plain difference", overflow="fold")
    for path in distances:
        heading = f"{path}\ndistance (chance, at most)  plain"
        table.add_column(heading, justify="right", overflow="fold")
    parts = dict.fromkeys(
        (row.task, row.part, row.unit) for rows in distances.values() for row in rows
    )
    for task, part, unit in parts:
        cells = (_cell(rows, task, part) for rows in distances.values())
        table.add_row(f"{task} {part}", unit, *cells)
    notes = dict.fromkeys(
        f"{path}: {row.task} {row.part}: {row.note}"
        for path, rows in distances.items()
        for row in rows
        if row.note
    )
    chance = "chance: two samples of the same search; at most: the 95 % quantile of that"
    return Group(table, chance, *notes)


def _cell(rows: Sequence[Distance], task: str, part: str) -> str:
    for row in rows:
        if (row.task, row.part) == (task, part) and row.distance is not None:
            chance = f"({row.floor:.2f}, {row.most:.2f})"
            return f"{row.distance:.2f} {chance}  {row.plain:.3g}"
    return "–"


def boxes_view(path: Path) -> RenderableType:
    """Return every box of figure 3 with ours, the paper's and the differences."""
    names = ("mean", "median", "q1", "q3", "low", "high")
    table = Table(title=f"{path}: ours, and the difference to the paper", title_justify="left")
    table.add_column("task, trials, variant")
    for name in names:
        table.add_column(name, justify="right")
    for row in boxes_beside(read_trials(path)):
        cells = []
        for name in names:
            ours, theirs = row.ours[name], getattr(row.paper, name)
            cells.append(f"{ours:.5g}" + ("" if theirs is None else f" ({ours - theirs:+.3f})"))
        table.add_row(f"{row.task} {row.scope} {row.variant}", *cells)
    return table
