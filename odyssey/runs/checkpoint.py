"""A trial's file as its checkpoint: training state ↔ file, and what to do with files of no use."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.engines.training import Epoch, Figures, Model, TrainingState, judge_again
from odyssey.runs.results import CURVES, TRIAL, check_format
from odyssey.storage.tree_file import DamagedFile, Tree, load_tree, save_tree

log = logging.getLogger(__name__)

_POSITION = ("position", "frames", "loss", "seconds")


def find_trial(path: Path, fingerprint: str, data_fingerprint: str) -> dict[str, Any] | None:
    """Return the content of a trial's file, or of its previous generation, if it is of use.

    Files that are damaged, or of another trial, other settings, data or version are moved aside,
    never deleted. One that was moved aside and is of use again is moved back.
    """
    for candidate in (path, previous_generation(path)):
        tree = _read(candidate)
        if tree is None:
            continue
        if _identity(tree) == (fingerprint, data_fingerprint):
            return tree
        reason = f"is of {_difference(path, tree, fingerprint)}"
        _move_aside(candidate, "other", f"{candidate}: {reason}")
    for aside in _moved_aside(path):
        tree = _read(aside)
        if tree is not None and _identity(tree) == (fingerprint, data_fingerprint):
            aside.rename(path)
            log.info("%s: is of use again, moved back from %s", path, aside)
            return tree
    return None


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


def _identity(tree: Tree) -> tuple[str, str]:
    return tree["fingerprint"], tree["data"]["fingerprint"]


def save_checkpoint(path: Path, identity: Tree, state: TrainingState, model: Model) -> None:
    """Write all that training goes on from; the checkpoint before is kept."""
    tree = {"format": TRIAL, **identity, "status": "running", "best": state.best_parameters}
    tree["state"] = {
        "parameters": model.get_parameters(),
        **model.get_state(),
        "generator": json.dumps(state.generator.bit_generator.state),
        "order": state.order,
        **{name: getattr(state, name) for name in _POSITION},
    }
    save_tree(path, tree, previous=previous_generation(path))


def restore(tree: Mapping[str, Any], model: Model) -> TrainingState:
    """Bring model and state to where ``save_checkpoint`` found them, bit for bit."""
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
    changed["curves"] = {name: curve[:epochs] for name, curve in tree["curves"].items()}
    if not best:
        changed["best"] = start.best_parameters
    if tree["diverged_epoch"] and epochs - best > patience:  # it stops before it diverges
        changed |= {"diverged_epoch": 0, "status": "finished"}
    return {**tree, **changed}


def previous_generation(path: Path) -> Path:
    """Return where the checkpoint before the last one is."""
    return path.with_suffix(f".previous{path.suffix}")


def _difference(path: Path, tree: Tree, fingerprint: str) -> str:
    if tree["fingerprint"] == fingerprint:
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
