"""Words and colours for tasks and hyperparameters, also for those without a row.

Hyperparameters have a label for axes, a short name for legends and tables, and one colour in every
figure.
"""

from collections.abc import Iterable
from itertools import cycle

from odyssey.networks.cells import get_cell
from odyssey.study.hyperparameters import HYPERPARAMETERS
from odyssey.tasks import TASKS

# Okabe and Ito's colours, told apart with every kind of colour vision.
BLUE, GREEN, RED, ORANGE, SKY, PURPLE, YELLOW = (
    *("#0072B2", "#009E73", "#D55E00", "#E69F00", "#56B4E9", "#CC79A7", "#F0E442"),
)
GREY, FAINT, PALE, INK = "#8A8F98", "#C5CAD1", "#E3E6EA", "#20242A"
#: Colours for hyperparameters without one of their own.
COLOURS = (YELLOW, "#7A5195", "#7F4F24", "#4C956C", "#9D4EDD", "#B56576", GREY)


def label_of(name: str) -> str:
    """Return the words for a hyperparameter's axis."""
    row = HYPERPARAMETERS.get(name)
    return row.label if row else _plain(name)


def short_of(name: str) -> str:
    """Return a hyperparameter's short name."""
    row = HYPERPARAMETERS.get(name)
    return row.short if row else _plain(name)


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """Return a colour for every hyperparameter: its own, or one that no row has."""
    rows = {name: HYPERPARAMETERS.get(name) for name in names}
    own = {name: row.colour for name, row in rows.items() if row and row.colour}
    taken = {row.colour for row in HYPERPARAMETERS.values()}
    free = cycle([colour for colour in COLOURS if colour not in taken] or COLOURS)
    return {name: own.get(name) or next(free) for name in rows}


def _plain(name: str) -> str:
    return name.replace("_", " ")


def title_of(task: str) -> str:
    """Return a task's title; its name where the task is not known here."""
    return TASKS[task].title if task in TASKS else task


def unit_of(task: str) -> str:
    """Return the unit of a task's figure of merit; empty where the task is not known here."""
    return TASKS[task].unit if task in TASKS else ""


def merit_of(task: str, between: str = " ") -> str:
    """Return a task's figure of merit: words, ``between``, unit in brackets."""
    if task not in TASKS:
        return "test figure"
    return f"{TASKS[task].merit}{between}({TASKS[task].unit})"


def name_of(variant: str) -> str:
    """Return a variant's name in words; empty where the variant is not known here."""
    try:
        return get_cell(variant).name
    except ValueError:
        return ""


def source_of(task: str, source: str) -> str:
    """Return what a task's source of data is, in words; its name where it is not known here."""
    known = TASKS[task].sources if task in TASKS else {}
    return known[source].description if source in known else source


def in_order(tasks: Iterable[str]) -> list[str]:
    """Return tasks in the order in which they are known, then others by name."""
    tasks = set(tasks)
    return [*(name for name in TASKS if name in tasks), *sorted(tasks - TASKS.keys())]
