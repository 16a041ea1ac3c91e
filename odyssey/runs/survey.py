"""Where a trial's outcome lies: in its block's file, or in its own while there is no block yet."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from odyssey.study.study import Study, TrialSpec

T = TypeVar("T")


def survey_trials(
    study: Study,
    task: str,
    of_block: Callable[[Path], Mapping[str, T]],
    of_trial: Callable[[TrialSpec, Path], T],
) -> Iterator[T]:
    """Yield what the files say of every trial of a task, in the order of the grid.

    ``of_block`` reads a block's file as fingerprint → what it says, nothing if it is of no use;
    ``of_trial`` reads a trial's own, if its block does not have the trial as the study asks for it.
    """
    for block in study.blocks(task):
        found = of_block(study.block_path(*block))
        for spec in study.trials_of_block(*block):
            yield found.get(spec.fingerprint) or of_trial(
                spec, study.trial_path(spec.task, spec.variant, spec.trial)
            )
