"""One run of the study, where everything meets: start it, resume it, or find it done.

The trial's file is its checkpoint while it runs and its result in the end. A file of other
settings, other data or of no use is moved aside, never deleted.
"""

import json
import logging
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from odyssey import __version__
from odyssey.checkpoint import DamagedFile, load_tree, save_tree
from odyssey.datasets import Dataset
from odyssey.network import new_model
from odyssey.results import CURVES, TRIAL, TrialResult, check_format, write_trial
from odyssey.spec import Kernels
from odyssey.study import TrialSpec
from odyssey.tasks import TASKS
from odyssey.tasks.merit import FigureOfMerit
from odyssey.training import (
    Epoch,
    Model,
    TrainingRules,
    TrainingState,
    initial_parameters,
    is_over,
    train,
)

log = logging.getLogger(__name__)

#: A checkpoint is written when the last one's cost is below this share of the time since.
CHECKPOINT_SHARE = 0.01
#: Within an epoch, a checkpoint is written after this many seconds.
CHECKPOINT_SECONDS = 300.0


def run_trial(spec: TrialSpec, dataset: Dataset, path: Path, kernels: Kernels) -> TrialResult:
    """Return the result of one trial: read it, or train from its checkpoint or from the start."""
    tree = find_trial(spec, dataset.fingerprint, path)
    if tree is not None and tree["status"] != "running":
        log.info("%s: found finished", spec)
        return TrialResult.from_tree(tree)
    model = new_model(spec.network, spec.rule, kernels)
    state = _start(spec, model) if tree is None else _resume(tree, model)
    log.info("%s: %s, %s", spec, _position(state), dict(spec.hyperparameters))
    rules = TrainingRules(
        epochs=spec.protocol.epochs,
        patience=spec.protocol.patience,
        noise=spec.noise,
        new_merit=partial(FigureOfMerit, TASKS[spec.task]),
    )
    train(model, dataset, rules, state, _Keeper(spec, dataset, path, kernels, model, rules))
    result = _result(spec, dataset, kernels, state)
    write_trial(path, result, state.best_parameters)
    previous_generation(path).unlink(missing_ok=True)
    log.info("%s: %s after %d epochs", spec, _outcome(result), len(state.epochs))
    return result


def find_trial(spec: TrialSpec, data_fingerprint: str, path: Path) -> dict[str, Any] | None:
    """Return the content of the trial's file, or of its previous generation, if it is of use."""
    for candidate in (path, previous_generation(path)):
        if not candidate.exists():
            continue
        try:
            tree = load_tree(candidate)
            check_format(candidate, tree, TRIAL)
        except DamagedFile as error:
            log.warning("%s: %s", spec, error)
            _move_aside(candidate, "damaged")
            continue
        if (tree["fingerprint"], tree["data"]["fingerprint"]) == (
            spec.fingerprint,
            data_fingerprint,
        ):
            return tree
        log.warning("%s: %s is of other settings, data or version", spec, candidate)
        _move_aside(candidate, "other")
    return None


def previous_generation(path: Path) -> Path:
    """Return where the checkpoint before the last one is."""
    return path.with_suffix(f".previous{path.suffix}")


class _Keeper:
    """Writes checkpoints, as often as their cost allows."""

    def __init__(
        self,
        spec: TrialSpec,
        dataset: Dataset,
        path: Path,
        kernels: Kernels,
        model: Model,
        rules: TrainingRules,
    ) -> None:
        self._identity = partial(_result, spec, dataset, kernels)
        self._path, self._model, self._rules = path, model, rules
        self._saved, self._cost = time.perf_counter(), 0.0

    def __call__(self, state: TrainingState, epoch_ended: bool) -> None:
        since = time.perf_counter() - self._saved
        wait = 0.0 if epoch_ended else CHECKPOINT_SECONDS
        if since < max(wait, self._cost / CHECKPOINT_SHARE) or is_over(self._rules, state):
            return
        began = time.perf_counter()
        tree = {"format": TRIAL, **self._identity(state).to_tree(), "status": "running"}
        tree |= {"best": state.best_parameters, "state": _state_tree(state, self._model)}
        save_tree(self._path, tree, previous=previous_generation(self._path))
        self._saved = time.perf_counter()
        self._cost = self._saved - began


def _start(spec: TrialSpec, model: Model) -> TrainingState:
    generator = np.random.default_rng(spec.training_seed)
    shapes = spec.network.parameter_shapes()
    model.set_parameters(initial_parameters(shapes, spec.protocol.weight_std, generator))
    return TrainingState(generator)


_POSITION = ("position", "frames", "loss", "seconds")


def _state_tree(state: TrainingState, model: Model) -> dict[str, Any]:
    return {
        "parameters": model.get_parameters(),
        "velocity": model.get_velocity(),
        "generator": json.dumps(state.generator.bit_generator.state),
        "order": state.order,
        **{name: getattr(state, name) for name in _POSITION},
    }


def _resume(tree: Mapping[str, Any], model: Model) -> TrainingState:
    saved, curves = tree["state"], tree["curves"]
    model.set_parameters(saved["parameters"])
    model.set_velocity(saved["velocity"])
    generator = np.random.default_rng()
    generator.bit_generator.state = json.loads(saved["generator"])
    return TrainingState(
        generator,
        epochs=[Epoch(*map(float, row)) for row in zip(*map(curves.get, CURVES), strict=True)],
        best_epoch=tree["best_epoch"],
        best_parameters=tree["best"],
        order=saved["order"],
        **{name: saved[name] for name in _POSITION},
    )


def _result(spec: TrialSpec, dataset: Dataset, kernels: str, state: TrainingState) -> TrialResult:
    columns = zip(*state.epochs, strict=True) if state.epochs else ((),) * len(CURVES)
    shapes = spec.network.parameter_shapes()
    return TrialResult(
        settings=spec.settings,
        fingerprint=spec.fingerprint,
        data={"source": dataset.source, "fingerprint": dataset.fingerprint},
        parameters=sum(int(np.prod(shape)) for shape in shapes.values()),
        curves=dict(zip(CURVES, columns, strict=True)),
        best_epoch=state.best_epoch,
        diverged_epoch=state.diverged_epoch,
        host=platform.node(),
        kernels=kernels,
        package_version=__version__,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _move_aside(path: Path, reason: str) -> None:
    number = 1
    while (aside := path.with_suffix(f".{reason}-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    log.warning("moved to %s", aside)


def _position(state: TrainingState) -> str:
    if not state.epochs and not state.position:
        return "starts"
    return f"resumes after epoch {len(state.epochs)} and {state.position} sequences"


def _outcome(result: TrialResult) -> str:
    if result.diverged_epoch:
        return f"diverged in epoch {result.diverged_epoch}"
    return f"test {result.curves['test'][result.best_epoch - 1]:.3f} at epoch {result.best_epoch}"
