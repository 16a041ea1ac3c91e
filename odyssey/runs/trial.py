"""One run of the study, where everything meets: start it, resume it, or find it done.

The trial's file is its checkpoint while it runs and its result in the end; the result of a trial
that used up its epochs is a checkpoint, too, for a study with more of them.
"""

import errno
import logging
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from odyssey import __version__
from odyssey.engines.choose import kernels_here, new_model
from odyssey.engines.training import (
    FloatArray,
    Model,
    TrainingRules,
    TrainingState,
    initial_parameters,
    is_final,
    is_over,
    judge_untrained,
    train,
)
from odyssey.networks.spec import Device, Kernels
from odyssey.runs import stopping
from odyssey.runs.checkpoint import (
    find_trial,
    is_judged,
    previous_generation,
    restore,
    save_checkpoint,
    state_tree,
    with_epoch_0,
)
from odyssey.runs.epochs import result_for
from odyssey.runs.keeper import USUAL, Keeper, Saving
from odyssey.runs.observer import OBSERVERS, Observer
from odyssey.runs.results import CURVES, TrialResult, write_trial
from odyssey.storage.datasets import Dataset
from odyssey.storage.files import clear_drafts
from odyssey.storage.lease import Lease, holding
from odyssey.storage.tree_file import Tree, save_tree
from odyssey.study.trials import TrialSpec
from odyssey.tasks import TASKS
from odyssey.tasks.merit import FigureOfMerit

log = logging.getLogger(__name__)

#: What has to happen before a trial can go on after an error of the file system; else it is mended.
_REMEDIES = {
    errno.ENOSPC: "once there is space",
    errno.EDQUOT: "once your quota has room",
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS), "once the folder can be written again"
    ),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "with a higher limit of open files (ulimit -n)"),
    **dict.fromkeys(
        (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN),
        "once the file system answers again",
    ),
    errno.ENAMETOOLONG: "with results in a folder of a shorter path",
}


class TrialError(RuntimeError):
    """A trial can't go on; the message is one line, what was saved stays."""


def run_trial(
    spec: TrialSpec,
    dataset: Dataset,
    path: Path,
    kernels: Kernels,
    device: Device = "cpu",
    saving: Saving = USUAL,
    observers: Iterable[Observer] = (),
) -> TrialResult:
    """Return the result of one trial: read it, or train from its checkpoint or from the start.

    ``observers`` watch beside those that are registered. Raises ``stopping.Stopped`` after a signal
    or where an observer asks for it, ``LeaseLost`` if another process has taken over, TrialError if
    a file can't be read or written.
    """
    with _file_errors(path), holding(path.with_suffix(".lease")) as lease:
        clear_drafts(path)
        tree = find_trial(path, spec, dataset.fingerprint)
        if result := _read_result(tree, spec):
            return result
        model = new_model(spec.network, spec.rule, kernels, device)
        state = _start(spec, model)
        rules = _rules_of(spec)
        if tree is not None and not is_judged(tree):
            log.info("%s: written by an older odyssey, its untrained net is judged", spec)
            judge_untrained(model, dataset, rules, state, partial(_stop_or_renew, spec, lease))
            lease.check()
            save_tree(path, with_epoch_0(tree, state, rules.patience))
            tree = find_trial(path, spec, dataset.fingerprint)
            if result := _read_result(tree, spec):
                return result
        if tree is not None:
            state = restore(tree, model)
        log.info("%s: %s, %s", spec, _position(state), dict(spec.hyperparameters))
        computed_by = kernels_here(spec.network.variant, kernels, device)
        describe = partial(_result, spec, dataset, computed_by)

        def save() -> None:
            lease.check()
            save_checkpoint(path, describe(state).to_tree(), state, model)

        keeper = Keeper(spec, save, lease, saving, (*OBSERVERS.values(), *observers))
        if tree is not None:
            keeper.found(state)

        def after_run(state: TrainingState, epoch_ended: bool) -> None:
            keeper(state, epoch_ended, is_over(rules, state))

        train(model, dataset, rules, state, after_run)
        result = describe(state)
        lease.check()
        longer = None if is_final(rules, state) else state_tree(state, model)
        write_trial(path, result, state.best_parameters, longer)
        previous_generation(path).unlink(missing_ok=True)
    log.info("%s: %s after %d epochs", spec, _outcome(result), len(state.epochs))
    return result


def _rules_of(spec: TrialSpec) -> TrainingRules:
    return TrainingRules(
        epochs=spec.protocol.epochs,
        patience=spec.protocol.patience,
        noise=spec.noise,
        noise_key=spec.noise_key,
        dropout=spec.dropout,
        new_merit=partial(FigureOfMerit, TASKS[spec.task]),
    )


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = str(error)
        if error.errno is not None:
            cause = f"{error.filename or path}: {error.strerror}"
        remedy = _REMEDIES.get(error.errno or 0, "once that is mended")
        raise TrialError(
            f"{cause}; the last checkpoint that was written is whole: {remedy}, run again to resume"
        ) from error


def _read_result(tree: Tree | None, spec: TrialSpec) -> TrialResult | None:
    """Return what a file that is of use holds as a result, if it does."""
    result = result_for(tree, spec) if tree is not None and is_judged(tree) else None
    if result is not None:
        log.info("%s: found finished", spec)
    return result


def _stop_or_renew(spec: TrialSpec, lease: Lease) -> None:
    lease.renew()
    if signal := stopping.requested():
        raise stopping.Stopped(f"{spec}: stopped on {signal}, its file is as it was")


def first_parameters(spec: TrialSpec, generator: np.random.Generator) -> dict[str, FloatArray]:
    """Return what a trial begins with: drawn, then changed by what acts at the start."""
    network = spec.network
    parameters = initial_parameters(network.parameter_shapes(), spec.start.weight_std, generator)
    for act, value in spec.at_start:
        act(parameters, value, network)
    return parameters


def _start(spec: TrialSpec, model: Model) -> TrainingState:
    generator = np.random.default_rng(spec.training_seed)
    model.set_parameters(first_parameters(spec, generator))
    return TrainingState(generator)


def _result(spec: TrialSpec, dataset: Dataset, kernels: str, state: TrainingState) -> TrialResult:
    columns = zip(*state.epochs, strict=True) if state.epochs else ((),) * len(CURVES)
    return TrialResult(
        settings=spec.settings,
        fingerprint=spec.fingerprint,
        data={"source": dataset.source, "fingerprint": dataset.fingerprint},
        parameters=spec.network.size,
        curves=dict(zip(CURVES, columns, strict=True)),
        best_epoch=state.best_epoch,
        diverged_epoch=state.diverged_epoch,
        host=platform.node(),
        kernels=kernels,
        package_version=__version__,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        untrained=state.untrained._asdict() if state.untrained else None,
    )


def _position(state: TrainingState) -> str:
    if not state.epochs and not state.position:
        return "starts"
    return f"resumes after epoch {len(state.epochs)} and {state.position} sequences"


def _outcome(result: TrialResult) -> str:
    diverged = f"diverged in epoch {result.diverged_epoch}, " if result.diverged_epoch else ""
    return f"{diverged}test {result.best('test'):.3f} at epoch {result.best_epoch}"
