"""A trial's file as its checkpoint: training state ↔ file, and what to do with files of no use."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.engines.training import Epoch, Figures, Model, TrainingState, judge_again
from odyssey.runs.epochs import RUNNING, standing_of
from odyssey.runs.results import CURVES, FORMAT_VERSION, TRIAL, check_format
from odyssey.storage.tree_file import DamagedFile, Tree, load_tree, save_tree
from odyssey.study.trials import TrialSpec

log = logging.getLogger(__name__)

_POSITION = ("position", "frames", "loss", "seconds")


def find_trial(path: Path, spec: TrialSpec, data_fingerprint: str) -> dict[str, Any] | None:
    """Return the content of a trial's file, or of its previous generation, if it is of use.

    It is of use if it holds the result for the spec's number of epochs, or goes on to it. Files
    that are damaged, or of another trial, other settings, data or version are moved aside, never
    deleted. One that was moved aside and is of use again, or more so, is moved back.
    """
    tree = _in_place(path, spec, data_fingerprint)
    if tree is not None and _is_result(tree, spec):
        return tree
    for aside in _moved_aside(path):
        other = _read(aside)
        if other is None or not _is_of(other, spec, data_fingerprint):
            continue
        if _is_result(other, spec) or (tree is None and _is_of_use(other, spec)):
            if tree is not None:
                _move_aside(path, "other", f"{path}: {aside} has more epochs")
                previous_generation(path).unlink(missing_ok=True)
            aside.rename(path)
            log.info("%s: is of use again, moved back from %s", path, aside)
            return other
    return tree


def _in_place(path: Path, spec: TrialSpec, data_fingerprint: str) -> dict[str, Any] | None:
    """Return what is of use of a trial's file and of its previous generation."""
    for candidate in (path, previous_generation(path)):
        tree = _read(candidate)
        if tree is None:
            continue
        if not _is_of(tree, spec, data_fingerprint):
            reason = f"is of {_difference(path, tree, spec)}"
        elif not _is_of_use(tree, spec):
            reason = (
                f"ended after {standing_of(tree).epochs} epochs and lacks the state that more go "
                f"on from, as an older odyssey wrote it: {spec.protocol.epochs} epochs are trained "
                "from the start"
            )
        else:
            if candidate == path and _is_result(tree, spec):
                previous_generation(path).unlink(missing_ok=True)  # which a kill has left
            return tree
        _move_aside(candidate, "other", f"{candidate}: {reason}")
    return None


def _is_of(tree: Tree, spec: TrialSpec, data_fingerprint: str) -> bool:
    return standing_of(tree).is_of(spec) and tree["data"]["fingerprint"] == data_fingerprint


def _is_of_use(tree: Tree, spec: TrialSpec) -> bool:
    return not is_judged(tree) or standing_of(tree).is_of_use(spec)


def _is_result(tree: Tree, spec: TrialSpec) -> bool:
    return is_judged(tree) and standing_of(tree).status_for(spec) != RUNNING


def is_judged(tree: Tree) -> bool:
    """Return whether a file says how good the untrained net is; format version 1 did not."""
    return "untrained" in tree


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        tree = load_tree(path)
        check_format(path, tree, TRIAL)
    except DamagedFile as error:
        _move_aside(path, "damaged", str(error))
        return None
    return tree


def save_checkpoint(path: Path, identity: Tree, state: TrainingState, model: Model) -> None:
    """Write all that training goes on from; the checkpoint before is kept."""
    tree = {"format": TRIAL, **identity, "status": RUNNING, "best": state.best_parameters}
    tree["state"] = state_tree(state, model)
    save_tree(path, tree, previous=previous_generation(path))


def state_tree(state: TrainingState, model: Model) -> dict[str, Any]:
    """Return what a file keeps for training to go on from, beside curves and best weights."""
    return {
        "parameters": model.get_parameters(),
        **model.get_state(),
        "generator": json.dumps(state.generator.bit_generator.state),
        "order": state.order,
        **{name: getattr(state, name) for name in _POSITION},
    }


def restore(tree: Mapping[str, Any], model: Model) -> TrainingState:
    """Bring model and state to where ``state_tree`` found them, bit for bit."""
    saved, curves = tree["state"], tree["curves"]
    model.set_parameters(saved["parameters"])
    model.set_state(saved)
    generator = np.random.default_rng()
    generator.bit_generator.state = json.loads(saved["generator"])
    return TrainingState(
        generator,
        untrained=Figures(**tree["untrained"]),
        epochs=[Epoch(*map(float, row)) for row in zip(*map(curves.get, CURVES), strict=True)],
        best_epoch=tree["best_epoch"],
        best_parameters=tree["best"],
        order=saved["order"],
        **{name: saved[name] for name in _POSITION},
    )


def with_epoch_0(tree: Mapping[str, Any], start: TrainingState, patience: int) -> dict[str, Any]:
    """Return a file's content of format version 1 as if epoch 0 had counted from its start on.

    ``start`` is the trial's state after the untrained net was judged. Nothing is trained: with one
    more figure to improve on, patience can end only earlier, and the best epoch is the one it was
    or epoch 0.
    """
    assert start.untrained is not None
    epochs, best = judge_again(start.untrained.valid, tree["curves"]["valid"], patience)
    changed: dict[str, Any] = {"best_epoch": best, "untrained": start.untrained._asdict()}
    changed["format_version"] = FORMAT_VERSION
    changed["curves"] = {name: curve[:epochs] for name, curve in tree["curves"].items()}
    if not best:
        changed["best"] = start.best_parameters
    kept = dict(tree)
    if epochs - best > patience:  # it stops there, before it diverges or goes on
        changed |= {"diverged_epoch": 0, "status": "finished"}
        kept.pop("state", None)
    return kept | changed


def previous_generation(path: Path) -> Path:
    """Return where the checkpoint before the last one is."""
    return path.with_suffix(f".previous{path.suffix}")


def _difference(path: Path, tree: Tree, spec: TrialSpec) -> str:
    if standing_of(tree).is_of(spec):
        return "other data"
    if path.parts[-3:] != (tree["task"], tree["variant"], f"{tree['trial']}{path.suffix}"):
        return f"another trial, {tree['task']}/{tree['variant']}/{tree['trial']}"
    return "other settings or another version"


def _moved_aside(path: Path) -> list[Path]:
    """Return a trial's files of other settings or data, the latest first."""
    names = path.parent.glob(f"{path.stem}.other-*{path.suffix}")
    return sorted(names, key=lambda aside: aside.stat().st_mtime, reverse=True)


def _move_aside(path: Path, kind: str, reason: str) -> None:
    number = 1
    while (aside := path.with_suffix(f".{kind}-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    log.warning("%s; moved to %s", reason, aside)
