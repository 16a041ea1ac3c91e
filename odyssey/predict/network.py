"""A finished trial's network with its best weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from odyssey.engines.training import FloatArray
from odyssey.networks.spec import NetworkSpec
from odyssey.runs.epochs import read_finished_tree
from odyssey.study.settings import Protocol
from odyssey.study.trials import TrialSpec


class CannotPredict(ValueError):
    """Sequences that are not the network's, or a network that is not known here; one line."""


@dataclass(frozen=True)
class Finished:
    """A finished trial's network with its best weights, as its file says."""

    spec: TrialSpec
    network: NetworkSpec
    parameters: Mapping[str, FloatArray]
    best_epoch: int
    data_fingerprint: str
    kernels: str


def read_finished(path: Path) -> Finished:
    """Return what a trial's file says of its network.

    Raises DamagedFile if it is no trial's file, NotFinished for a checkpoint, CannotPredict for a
    task or cell that this process does not know.
    """
    tree = read_finished_tree(path)
    settings = json.loads(tree["config"])
    kept = {
        name: settings[name] for name in ("task", "variant", "trial", "seed", "hyperparameters")
    }
    spec = TrialSpec(**kept, protocol=Protocol(**settings["protocol"]))
    try:
        network = spec.network
    except ValueError as error:
        raise CannotPredict(
            f"{path}: {error}; name the trial's study with --directory or --configfile"
        ) from error
    if {name: value.shape for name, value in tree["best"].items()} != network.parameter_shapes():
        raise CannotPredict(
            f"{path}: its weights must be those of a network of {network.inputs} inputs and "
            f"{network.outputs} outputs, as this study's {spec.task} has it, and are not: name the "
            "trial's own study with --directory or --configfile"
        )
    data = tree["data"]["fingerprint"]
    return Finished(spec, network, tree["best"], tree["best_epoch"], data, tree["kernels"])
