"""The tasks that a study may run, by name: one row each, in the file of its name.

An extension adds one of its own with ``register``. Standard library only.
"""

from collections.abc import Mapping

from odyssey.registry import Registry
from odyssey.tasks import iamondb, jsb, timit
from odyssey.tasks.task import Costs, Option, Reported, Size, Source, Task

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

_registry = Registry("task", (timit.TASK, iamondb.TASK, jsb.TASK))
#: All tasks by name.
TASKS: Mapping[str, Task] = _registry
#: Those of the paper, in its order.
PAPER_TASKS = tuple(TASKS)
register = _registry.register
get_task = _registry.find
