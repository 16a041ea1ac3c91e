"""One run of a study, as frozen data: what it trains and how, its seeds, its fingerprint."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from odyssey.losses import get_loss
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.study.hyperparameters import (
    HYPERPARAMETERS,
    AtStart,
    InputNoise,
    OutputDropout,
    Start,
    fields_of,
    get_hyperparameter,
)
from odyssey.study.search import Value, seed_of
from odyssey.study.settings import Protocol
from odyssey.tasks import get_task

#: Raised by hand when the code changes what a trial computes: older results are then recomputed.
RESULTS_VERSION = 2


@dataclass(frozen=True)
class TrialSpec:
    """One run: everything that decides its result except the data and the code."""

    task: str
    variant: str
    trial: int
    seed: int
    hyperparameters: Mapping[str, Value]
    protocol: Protocol

    @property
    def network(self) -> NetworkSpec:
        """The network to train."""
        fields = fields_of(NetworkSpec, self.hyperparameters)
        return get_task(self.task).network(get_cell(self.variant), **fields)

    @property
    def rule(self) -> UpdateRule:
        """The update rule."""
        return UpdateRule(**fields_of(UpdateRule, self.hyperparameters))

    @property
    def noise(self) -> float:
        """Standard deviation of the Gaussian noise on the training inputs."""
        return InputNoise(**fields_of(InputNoise, self.hyperparameters)).std

    @property
    def dropout(self) -> float:
        """Probability of dropout of the recurrent layer's outputs."""
        return OutputDropout(**fields_of(OutputDropout, self.hyperparameters)).probability

    @property
    def start(self) -> Start:
        """How the initial parameters are drawn."""
        protocol = {"weight_std": self.protocol.weight_std}
        return Start(**protocol | fields_of(Start, self.hyperparameters))

    @property
    def at_start(self) -> Iterator[tuple[AtStart, Value]]:
        """What then changes them, each with its value."""
        for name, value in self.hyperparameters.items():
            if act := get_hyperparameter(name).at_start:
                yield act, value

    @property
    def training_seed(self) -> int:
        """Seed of the trial's initial weights and presentation orders."""
        return seed_of(self.seed, self.task, self.variant, self.trial, "training")

    @property
    def noise_key(self) -> int:
        """Key of the trial's input noise and dropout."""
        return seed_of(self.seed, self.task, self.variant, self.trial, "input noise")

    @property
    def settings(self) -> dict[str, Any]:
        """The effective config of the run, as plain JSON types."""
        settings = asdict(self) | {"results_version": RESULTS_VERSION}
        versions = versions_of(self.task, self.variant, self.hyperparameters)
        settings |= {"versions": versions} if versions else {}
        decisive = dict(get_task(self.task).decisive)
        return settings | ({"of_data": decisive} if decisive else {})

    @property
    def fingerprint(self) -> str:
        """A hash of the settings: results of other settings or versions have another."""
        return fingerprint(self.settings)

    @property
    def training_fingerprint(self) -> str:
        """The same without the number of epochs: trials that differ in it alone are one run."""
        return training_fingerprint(self.settings)

    def __str__(self) -> str:
        return f"{self.task}/{self.variant}/{self.trial}"


def versions_of(task: str, variant: str, names: Mapping[str, object]) -> dict[str, int]:
    """Return the versions, where they are not 1, of the rows that decide a trial's result."""
    row = get_task(task)
    rows: dict[str, Any] = {f"task {task}": row, f"loss {row.loss}": get_loss(row.loss)}
    rows[f"cell {variant}"] = get_cell(variant)
    rows |= {f"hyperparameter {name}": HYPERPARAMETERS[name] for name in names}
    versions = {name: getattr(row, "version", 1) for name, row in rows.items()}  # cells may lack it
    return {name: version for name, version in versions.items() if version != 1}


def training_fingerprint(settings: Mapping[str, Any]) -> str:
    """Return a hash of a trial's settings but for the number of epochs, which changes no epoch."""
    protocol = {name: each for name, each in settings["protocol"].items() if name != "epochs"}
    return fingerprint({**settings, "protocol": protocol})


def fingerprint(value: object) -> str:
    """Return a hash of a value made of plain JSON types."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
