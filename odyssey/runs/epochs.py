"""How a trial's file stands under another number of epochs than it was written for.

Trials that differ in ``protocol.epochs`` alone are one run of training, cut at other places. Under
a lower number the file's first epochs are the result, under a higher one it is a checkpoint, unless
it diverged or lost its patience before. No MXNet.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from odyssey.engines.training import judge_again
from odyssey.runs.results import TRIAL, TrialResult, check_format
from odyssey.storage.tree_file import Tree, load_tree
from odyssey.study.trials import TrialSpec, fingerprint, training_fingerprint

RUNNING = "running"


class NotFinished(ValueError):
    """A checkpoint where a result is needed; one line."""


@dataclass(frozen=True)
class Standing:
    """How far a trial's file says that its training came.

    ``training`` is the fingerprint of its settings without the number of epochs, empty where the
    file's own fingerprint is not that of its settings. ``goes_on`` says whether the file holds what
    training goes on from, as results of before did not.
    """

    fingerprint: str
    training: str
    patience: int
    status: str
    epochs: int
    best_epoch: int
    diverged_epoch: int
    goes_on: bool

    @classmethod
    def of(cls, attributes: Mapping[str, Any], epochs: int, goes_on: bool) -> "Standing":
        """Return the standing of a file with these attributes and curves of ``epochs`` epochs."""
        settings, own = json.loads(attributes["config"]), str(attributes["fingerprint"])
        return cls(
            fingerprint=own,
            training=training_fingerprint(settings) if own == fingerprint(settings) else "",
            patience=settings["protocol"]["patience"],
            status=attributes["status"],
            epochs=epochs,
            best_epoch=int(attributes["best_epoch"]),
            diverged_epoch=int(attributes["diverged_epoch"]),
            goes_on=goes_on,
        )

    def is_of(self, spec: TrialSpec) -> bool:
        """Return whether the file is of a trial's run, whatever number of epochs it asks for."""
        same = self.fingerprint == spec.fingerprint
        return same or self.training == spec.training_fingerprint

    def status_for(self, spec: TrialSpec) -> str:
        """Return the status of the run that the file is of, if it may train the spec's epochs."""
        if self.status != RUNNING and self.fingerprint == spec.fingerprint:
            return self.status
        if self.epochs >= spec.protocol.epochs:
            return "finished"
        if self.diverged_epoch:
            return "diverged"
        return "finished" if self.epochs - self.best_epoch > self.patience else RUNNING

    def is_of_use(self, spec: TrialSpec) -> bool:
        """Return whether a file of a trial's run is its result or goes on to it."""
        return self.goes_on or self.status_for(spec) != RUNNING


def standing_of(tree: Tree) -> Standing:
    """Return how far the content of a trial's file is."""
    return Standing.of(tree, len(tree["curves"]["valid"]), "state" in tree)


def result_for(tree: Tree, spec: TrialSpec) -> TrialResult | None:
    """Return the result that a file of a trial's run holds for it; None if epochs are missing.

    Its figures are those of a run that had the spec's number of epochs from the start.
    """
    standing = standing_of(tree)
    if standing.status_for(spec) == RUNNING:
        return None
    result = TrialResult.from_tree(tree)
    if result.fingerprint == spec.fingerprint and tree["status"] != RUNNING:
        return result
    epochs = min(standing.epochs, spec.protocol.epochs)
    curves = {name: curve[:epochs] for name, curve in result.curves.items()}
    untrained = result.untrained["valid"] if result.untrained else float("inf")
    _, best = judge_again(untrained, curves["valid"], spec.protocol.patience)
    return replace(
        result,
        settings=spec.settings,
        fingerprint=spec.fingerprint,
        curves=curves,
        best_epoch=best,
        diverged_epoch=0 if epochs == spec.protocol.epochs else result.diverged_epoch,
    )


def read_trial(path: Path, spec: TrialSpec) -> TrialResult | None:
    """Return the result of a trial in a file; None for a checkpoint or another trial's file.

    Raises DamagedFile if it is no trial's file, OSError if it can't be read.
    """
    tree = load_tree(path)
    check_format(path, tree, TRIAL)
    return result_for(tree, spec) if standing_of(tree).is_of(spec) else None


def read_finished_tree(path: Path) -> dict[str, Any]:
    """Return the content of a finished trial's file, of whatever settings.

    Raises DamagedFile if it is no trial's file, NotFinished for a checkpoint.
    """
    tree = load_tree(path)
    check_format(path, tree, TRIAL)
    if tree["status"] == RUNNING:
        raise NotFinished(
            f"{path}: must be a finished trial, is a checkpoint after epoch "
            f"{standing_of(tree).epochs}: run its study to the end first"
        )
    return tree
