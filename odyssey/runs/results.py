"""Trial and block files ↔ results. No MXNet, no pandas: every job of trials imports it.

A trial's file explains itself: formats and versions, the effective config, the seed, the drawn
hyperparameters, the curves, the best weights. A block file holds the same for all trials of one
job, without the weights.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.storage.tree_file import DamagedFile, Tree, label_of, load_tree, save_tree
from odyssey.tasks import TASKS

log = logging.getLogger(__name__)

#: 2 added the figures of the untrained net; files of version 1 are read.
FORMAT_VERSION = 2
TRIAL, BLOCK = "odyssey trial", "odyssey block"
CURVES = ("train", "valid", "test", "seconds")
#: Figures of every epoch, as (epochs,) arrays.
Curves = Mapping[str, Any]


@dataclass(frozen=True)
class TrialResult:
    """What one run gave; ``settings`` are those of its TrialSpec, epochs count from 1.

    ``best_epoch`` is the best by validation, 0 the untrained net; a diverged trial keeps its own.
    ``untrained`` maps valid and test to the untrained net's figures; it is None in files of format
    version 1, which do not hold them.
    ``curves`` maps train (nats per frame), valid and test (the task's figure of merit) and seconds
    to one number an epoch. ``diverged_epoch`` is 0 for a trial that did not diverge.
    """

    settings: Mapping[str, Any]
    fingerprint: str
    data: Mapping[str, str]  # source and fingerprint of the prepared data
    parameters: int
    curves: Curves
    best_epoch: int
    diverged_epoch: int
    host: str
    kernels: str
    package_version: str
    finished: str
    untrained: Mapping[str, float] | None = None

    @property
    def status(self) -> str:
        """How the trial ended: a diverged trial is a result too."""
        return "diverged" if self.diverged_epoch else "finished"

    def to_tree(self) -> dict[str, Any]:
        """Return the file content: see ``from_tree``."""
        settings = self.settings
        return {
            "format_version": FORMAT_VERSION,
            "package_version": self.package_version,
            "status": self.status,
            **{key: settings[key] for key in ("task", "variant", "trial", "seed")},
            "config": json.dumps(settings),
            "fingerprint": self.fingerprint,
            "hyperparameters": dict(settings["hyperparameters"]),
            "data": dict(self.data),
            "parameters": self.parameters,
            "best_epoch": self.best_epoch,
            "diverged_epoch": self.diverged_epoch,
            "host": self.host,
            "kernels": self.kernels,
            "finished": self.finished,
            "curves": {name: np.asarray(self.curves[name], float) for name in CURVES},
            **({"untrained": dict(self.untrained)} if self.untrained else {}),
        }

    @classmethod
    def from_tree(cls, tree: Tree) -> "TrialResult":
        """Return the result that ``to_tree`` wrote."""
        plain = ("fingerprint", "data", "parameters", "curves", "best_epoch", "diverged_epoch")
        kept = {
            key: tree[key] for key in (*plain, "host", "kernels", "package_version", "finished")
        }
        return cls(settings=json.loads(tree["config"]), untrained=tree.get("untrained"), **kept)

    def best(self, figure: str) -> float:
        """Return ``valid`` or ``test`` at the best epoch; the task's worst if nothing is known."""
        if self.best_epoch:
            return float(self.curves[figure][self.best_epoch - 1])
        untrained = self.untrained[figure] if self.untrained else np.inf
        return untrained if np.isfinite(untrained) else TASKS[self.settings["task"]].worst

    def row(self) -> dict[str, Any]:
        """Return the trial as a row of the trials table."""
        seconds = float(np.sum(self.curves["seconds"]))
        epochs = len(self.curves["seconds"])
        return {
            **{key: self.settings[key] for key in ("task", "variant", "trial")},
            **self.settings["hyperparameters"],
            "parameters": self.parameters,
            "status": self.status,
            "epochs": epochs,
            "best_epoch": self.best_epoch,
            "train": float(self.curves["train"][self.best_epoch - 1])
            if self.best_epoch
            else np.nan,
            "valid": self.best("valid"),
            "test": self.best("test"),
            "seconds": seconds,
            "seconds_per_epoch": seconds / epochs if epochs else np.nan,
            "diverged_epoch": self.diverged_epoch or None,
            "seed": self.settings["seed"],
            "host": self.host,
            "source": self.data["source"],
        }


def write_trial(
    path: Path,
    result: TrialResult,
    best_parameters: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
) -> None:
    """Write a finished trial's file, with its weights at the best epoch.

    ``state`` is what training goes on from once more epochs are asked for, None where none follow.
    """
    tree = {"format": TRIAL, **result.to_tree(), "best": dict(best_parameters)}
    save_tree(path, tree | ({"state": state} if state else {}))


def write_block(path: Path, results: Iterable[TrialResult]) -> None:
    """Write the declared file of one job; its label tells of which trials and data it is."""
    results = list(results)
    trials = {str(result.settings["trial"]): result.to_tree() for result in results}
    tree = {"format": BLOCK, "format_version": FORMAT_VERSION, "trials": trials}
    of = ((result.fingerprint, result.data["fingerprint"]) for result in results)
    save_tree(path, tree, label=label_of(of))


def read_block(path: Path) -> list[TrialResult]:
    """Return the results in a block file; DamagedFile if it is none."""
    tree = load_tree(path)
    check_format(path, tree, BLOCK)
    return [TrialResult.from_tree(trial) for trial in tree["trials"].values()]


def note_failure(path: Path, reason: str) -> None:
    """Note beside a trial's file why it failed; an empty reason forgets the note."""
    note = path.with_suffix(".failed")
    try:
        if reason:
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(f"{reason}\n", encoding="utf-8")
        else:
            note.unlink(missing_ok=True)
    except OSError as error:  # a full disk may be the reason itself
        log.warning("%s: can't be written: %s", note, error.strerror)


def failure_of(path: Path) -> str:
    """Return why a trial failed, given its file; empty if it did not."""
    try:
        return path.with_suffix(".failed").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def check_format(path: Path, tree: Tree, expected: str) -> None:
    """Raise DamagedFile for another kind of file or one of a newer format."""
    if tree.get("format") != expected:
        raise DamagedFile(f"{path}: must be an {expected} file, is {tree.get('format')!r}")
    if tree["format_version"] > FORMAT_VERSION:
        raise DamagedFile(
            f"{path}: has format version {tree['format_version']}, this odyssey reads up to "
            f"{FORMAT_VERSION}; update odyssey or move the file away"
        )
