"""The study as frozen data: config → Study → TrialSpec, with every seed and every path.

It is what .smk files may import: no MXNet, pandas, SciPy or NumPy.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from odyssey.networks.spec import MOST_HIDDEN_GPU, Device, Kernels, NetworkSpec, UpdateRule
from odyssey.networks.variants import get_variant
from odyssey.storage.paths import expanded
from odyssey.study.config_files import read_config_file
from odyssey.study.config_schema import check_config
from odyssey.study.hyperparameters import HYPERPARAMETERS
from odyssey.study.search import Law, Value, parse_law, sample, seed_of
from odyssey.tasks import TASKS

#: Raised by hand when the code changes what a trial computes: older results are then recomputed.
RESULTS_VERSION = 2
#: What a config may say: it lies in the checkout, beside the package.
SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """A config that does not describe a study; the message is one line."""


@dataclass(frozen=True)
class Protocol:
    """How every trial trains (section IV-B)."""

    epochs: int
    patience: int
    weight_std: float


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
        hidden = int(self.hyperparameters["hidden"])
        return TASKS[self.task].network(get_variant(self.variant), hidden)

    @property
    def rule(self) -> UpdateRule:
        """The update rule; PAPER: Nesterov and no clipping where a task does not sample them."""
        drawn = self.hyperparameters
        return UpdateRule(
            learning_rate=float(drawn["learning_rate"]),
            momentum=float(drawn["momentum"]),
            nesterov=bool(drawn.get("nesterov", True)),
            clip=bool(drawn.get("clip", False)),
        )

    @property
    def noise(self) -> float:
        """Standard deviation of the Gaussian noise on the training inputs."""
        return float(self.hyperparameters["noise"])

    @property
    def training_seed(self) -> int:
        """Seed of the trial's initial weights and presentation orders."""
        return seed_of(self.seed, self.task, self.variant, self.trial, "training")

    @property
    def noise_key(self) -> int:
        """Key of the trial's input noise."""
        return seed_of(self.seed, self.task, self.variant, self.trial, "input noise")

    @property
    def settings(self) -> dict[str, Any]:
        """The effective config of the run, as plain JSON types."""
        return asdict(self) | {"results_version": RESULTS_VERSION}

    @property
    def fingerprint(self) -> str:
        """A hash of the settings: results of other settings or versions have another."""
        return fingerprint(self.settings)

    def __str__(self) -> str:
        return f"{self.task}/{self.variant}/{self.trial}"


@dataclass(frozen=True)
class Study:
    """A validated config, expanded on demand: the grid task × variant × trial and its files."""

    config: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        with _as_config_error("variants"):
            _check_variants(self.variants)
        for name in ("results", "data_folder"):
            with _as_config_error(name):
                _check_folder(self.config[name])
        for task in self.tasks:
            self._check_laws(task)
            with _as_config_error(f"data.{task}.path"):
                self.data_options(task)

    @property
    def seed(self) -> int:
        """The study's seed."""
        return int(self.config["seed"])

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks to run."""
        return list(self.config["tasks"])

    @property
    def variants(self) -> list[str]:
        """Codes of the variants to run."""
        return list(self.config["variants"])

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return expanded(self.config["results"])

    @property
    def kernels(self) -> Kernels:
        """What computes the training steps."""
        chosen: Kernels = self.config["kernels"]
        return chosen

    def device(self, task: str) -> Device:
        """Return where the task's trials train."""
        chosen: Device = self._settings(task).get("device", "cpu")
        return chosen

    def shares_gpu(self, task: str) -> bool:
        """Return whether a job's trials of the task train side by side on one GPU."""
        return self.device(task) == "gpu" and self.kernels == "fused"

    def at_a_time(self, task: str, threads: int) -> int:
        """Return how many trials of the task a job with so many threads trains at a time."""
        return int(self.config["trials_per_gpu"]) if self.shares_gpu(task) else threads

    @property
    def threads_per_job(self) -> int:
        """How many trials one job trains at a time."""
        return int(self.config["threads_per_job"])

    @property
    def checkpoint_minutes(self) -> float:
        """Minutes between checkpoints within an epoch, at most."""
        return float(self.config["checkpoint_minutes"])

    @cached_property
    def protocol(self) -> Protocol:
        """The training protocol."""
        return Protocol(**self.config["protocol"])

    def trials(self, task: str) -> int:
        """Return the number of trials of each of the task's searches."""
        return int(self._settings(task).get("trials", self.config["trials"]))

    def search_space(self, task: str) -> dict[str, Law]:
        """Return name → law of the task's hyperparameters."""
        entries = self.config["search_space"] | self._settings(task).get("search_space", {})
        return {name: parse_law(entry) for name, entry in entries.items()}

    def trial(self, task: str, variant: str, trial: int) -> TrialSpec:
        """Return one run of the study."""
        drawn = sample(self._spaces[task], self.seed, task, variant, trial)
        return TrialSpec(task, variant, trial, self.seed, drawn, self.protocol)

    def data_options(self, task: str) -> dict[str, Any]:
        """Return the task's entry under ``data``, its path without ~ and variables."""
        options = dict(self.config["data"][task])
        if options.get("path"):
            options["path"] = str(expanded(options["path"]))
        return options

    def data_path(self, task: str) -> Path:
        """Return the task's prepared data file."""
        return expanded(self.config["data_folder"]) / f"{task}.h5"

    def trial_path(self, task: str, variant: str, trial: int) -> Path:
        """Return the file that is a trial's checkpoint and, in the end, its result."""
        return self.results / "trials" / task / variant / f"{trial}.h5"

    def block_path(self, task: str, variant: str, first: int | str, last: int | str) -> Path:
        """Return the declared result file of a block of trials, first and last included."""
        return self.results / task / variant / f"trials_{first}-{last}.h5"

    def blocks(self, task: str) -> Iterator[tuple[int, int]]:
        """Yield first and last trial of each of the task's jobs."""
        size, trials = int(self._settings(task)["trials_per_job"]), self.trials(task)
        for first in range(0, trials, size):
            yield first, min(first + size, trials) - 1

    def trials_of_block(self, task: str, variant: str, first: int, last: int) -> list[TrialSpec]:
        """Return the runs of one job."""
        return [self.trial(task, variant, trial) for trial in range(first, last + 1)]

    def block_paths(self, task: str) -> list[Path]:
        """Return all declared block files of a task."""
        return [
            self.block_path(task, variant, first, last)
            for variant in self.variants
            for first, last in self.blocks(task)
        ]

    def search_fingerprint(self, task: str) -> str:
        """Return a hash of all settings that decide results of the task's searches."""
        space = self.config["search_space"] | self._settings(task).get("search_space", {})
        return fingerprint([RESULTS_VERSION, self.seed, space, asdict(self.protocol)])

    @cached_property
    def _spaces(self) -> dict[str, dict[str, Law]]:
        return {task: self.search_space(task) for task in self.tasks}

    def _check_laws(self, task: str) -> None:
        """Raise ConfigError for a law that draws what no network can train with."""
        own = self._settings(task).get("search_space", {})
        for name, entry in (self.config["search_space"] | own).items():
            place = f"task_settings.{task}.search_space" if name in own else "search_space"
            with _as_config_error(f"{place}.{name}"):
                law = parse_law(entry)
                HYPERPARAMETERS[name].check_law(law)
                if (
                    name == "hidden"
                    and self.shares_gpu(task)
                    and max(law.extremes) > MOST_HIDDEN_GPU
                ):
                    raise ValueError(
                        f"the GPU kernels know up to {MOST_HIDDEN_GPU} blocks, got "
                        f"{max(law.extremes)}: narrow the law or set the device of {task} to cpu"
                    )

    def _settings(self, task: str) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.config["task_settings"][task]
        return settings


@contextmanager
def _as_config_error(place: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"config: {place}: {error}") from error


def fingerprint(value: object) -> str:
    """Return a hash of a value made of plain JSON types."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_study(files: Iterable[Path] = (), root: Path = Path()) -> Study:
    """Return the study of root's config.yaml with files laid over it, as Snakemake does it."""
    config: dict[str, Any] = {}
    for file in (root / "config.yaml", *files):
        _lay_over(config, _read(file))
    return load_study(config, SCHEMA)


def check_config_files(files: Iterable[Path]) -> None:
    """Raise ConfigError for a file that YAML takes otherwise than it was meant."""
    for file in files:
        _read(file)


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_config_file(file)
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error


def _lay_over(config: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(config.get(key), dict):
            _lay_over(config[key], value)
        else:
            config[key] = value


def load_study(config: Mapping[str, Any], schema: Path = SCHEMA) -> Study:
    """Return the study of a config that was checked against the JSON schema; else ConfigError.

    References in the schema are files beside it.
    """
    try:
        check_config(config, schema)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Study(config)


def _check_variants(codes: Iterable[str]) -> None:
    """Raise ValueError for a code of no network, or for two of one: CIFG+NP and NP+CIFG."""
    known: dict[tuple[bool, ...], str] = {}
    for code in codes:
        switches = tuple(value for value in astuple(get_variant(code)) if isinstance(value, bool))
        first = known.setdefault(switches, code)
        if first != code:
            raise ValueError(f"{code} is the same network as {first}: leave one out")


def _check_folder(text: str) -> None:
    """Raise ValueError for a folder that can't be one of the workflow's."""
    if re.search(r"[{}\x00-\x1f]", str(expanded(text))):
        raise ValueError(f"must be a path without braces and control characters, got {text!r}")
