"""The tasks that a study may run, by name: one row each, in the file of its name.

An extension adds one of its own with ``register``. Standard library only.
"""

from odyssey.registry import Registry
from odyssey.tasks import iamondb, jsb, timit
from odyssey.tasks.source import Option, Source
from odyssey.tasks.task import Costs, Reported, Size, Task

__all__ = [
    "DATA_VERSION",
    "PAPER_TASKS",
    "TASKS",
    "Costs",
    "Option",
    "Reported",
    "Size",
    "Source",
    "Task",
    "get_task",
    "register",
]

#: Raised by hand when the code changes what preparation makes of a corpus: data are then remade.
DATA_VERSION = 2

#: Name → task.
TASKS: Registry[Task] = Registry("task")


def register(task: Task) -> Task:
    """Add a task and return it. Raises ValueError for a name that is taken."""
    return TASKS.add(task.name, task)


def get_task(name: str) -> Task:
    """Return the task of a name. Raises ValueError, which lists the legal names, for any other."""
    return TASKS.find(name)


for _task in (timit.TASK, iamondb.TASK, jsb.TASK):
    register(_task)

#: The tasks of the paper, in its order.
PAPER_TASKS = tuple(TASKS)
