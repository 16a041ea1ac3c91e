"""The study as frozen data: config → Study → trials, blocks and paths.

It is what .smk files may import: no MXNet, pandas, SciPy or NumPy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from odyssey.networks.cells import Cell, get_cell, has_kernels
from odyssey.networks.spec import Device, Kernels
from odyssey.storage.paths import expanded
from odyssey.study.blocks import Block
from odyssey.study.config_error import ConfigError, at
from odyssey.study.config_files import check_config_files, lay_over, read_config_file
from odyssey.study.config_rows import (
    check_folders,
    check_gpu,
    check_laws,
    check_names,
    entry_of,
    search_space_of,
    source_of,
)
from odyssey.study.config_schema import check_config
from odyssey.study.extensions import load_cells, load_extensions
from odyssey.study.hyperparameters import get_hyperparameter
from odyssey.study.search import Law, parse_law, sample
from odyssey.study.search_space import SearchSpace, without_factors
from odyssey.study.settings import Analysis, Protocol
from odyssey.study.trials import RESULTS_VERSION, TrialSpec, fingerprint, versions_of
from odyssey.tasks import DATA_VERSION, get_task
from odyssey.tasks.arrays import check_entry, describes, register_arrays

__all__ = [
    "RESULTS_VERSION",
    "SCHEMA",
    "Analysis",
    "Block",
    "ConfigError",
    "Protocol",
    "Study",
    "TrialSpec",
    "check_config_files",
    "fingerprint",
    "load_study",
    "read_study",
]

#: What a config may say: it lies in the checkout, beside the package.
SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"
#: Trials of a job where the config says nothing of the task.
TRIALS_PER_JOB = 20


@dataclass(frozen=True)
class Study:
    """A validated config, expanded on demand: the grid task × variant × trial and its files."""

    config: Mapping[str, Any] = field(repr=False)
    #: Codes of the cells in the files under ``cells``.
    own_cells: tuple[str, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        self._load_extensions()
        check_folders(self.config)
        self._register_data()
        check_names(self.config, self.variants)
        check_gpu(self.variants, filter(self.shares_gpu, self.tasks))
        for task in self.tasks:
            check_laws(self.config, task, self.shares_gpu(task))
            with at(f"data.{task}.path"):
                self.data_options(task)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._load_extensions()  # in a worker, which made no study itself
        self._register_data()

    def _load_extensions(self) -> None:
        with at("extensions"):
            load_extensions(self.config.get("extensions", ()))
        with at("cells"):
            files = self.config.get("cells", ())
            own = load_cells([files] if isinstance(files, str) else files)
            object.__setattr__(self, "own_cells", tuple(own))

    def _register_data(self) -> None:
        """Make the tasks known that the study's own data describe, see ``tasks.arrays``."""
        for task in self.tasks:
            entry = dict(entry_of(self.config, "data", task))
            if describes(entry):
                with at(f"data.{task}"):
                    check_entry(task, entry)
                    entry["path"], out = str(expanded(entry["path"])), self.data_path(task)
                    if Path(entry["path"]).resolve() == out.resolve():
                        raise ValueError(f"{out} will hold the prepared data: choose another path")
                    register_arrays(task, entry, out.with_suffix(".json"))

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
        """Codes of the variants to run: those that are named, then the cells of the study's own."""
        return list(dict.fromkeys([*self.config["variants"], *self.own_cells]))

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return expanded(self.config["results"])

    @property
    def kernels(self) -> Kernels:
        """What computes the training steps."""
        chosen: Kernels = self.config["kernels"]
        return chosen

    @property
    def fused_variants(self) -> list[Cell]:
        """The variants that the fused kernels know; other cells train on Gluon."""
        return [cell for cell in map(get_cell, self.variants) if has_kernels(cell)]

    def device(self, task: str) -> Device:
        """Return where the task's trials train."""
        chosen: Device = self._settings(task).get("device", "cpu")
        return chosen

    def shares_gpu(self, task: str) -> bool:
        """Return whether a job's trials of the task train side by side on one GPU."""
        return self.device(task) == "gpu" and self.kernels == "fused"

    def at_a_time(self, task: str, threads: int) -> int:
        """Return how many trials of the task a job of ``threads`` threads trains at a time."""
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

    @cached_property
    def analysis(self) -> Analysis:
        """How results are analysed."""
        return Analysis(**self.config["analysis"])

    def trials(self, task: str) -> int:
        """Return the number of trials of each of the task's searches."""
        return int(self._settings(task).get("trials", self.config["trials"]))

    def search_space(self, task: str) -> dict[str, Law]:
        """Return name → law of the task's hyperparameters."""
        entries = search_space_of(self.config, task)
        return {name: parse_law(entry) for name, entry in entries.items()}

    def lacking(self, task: str, variant: str) -> tuple[str, ...]:
        """Return the hyperparameters of the task that a variant or all rules have nothing for."""
        return self._spaces[task].lacking(get_cell(variant))

    def conditional(self, task: str) -> tuple[str, ...]:
        """Return the hyperparameters that only some of the task's update rules have."""
        return self._spaces[task].conditional

    def searched(self, task: str, variant: str) -> dict[str, Law]:
        """Return name → law of the hyperparameters of one of the task's searches."""
        return self._spaces[task].searched(get_cell(variant))

    def factors(self, task: str) -> dict[str, Law]:
        """Return name → law of what at least one of the task's searches draws."""
        drawn = {name for code in self.variants for name in self.searched(task, code)}
        return {name: law for name, law in self._spaces[task].laws.items() if name in drawn}

    def without_factors(self, tasks: Iterable[str] = ()) -> list[str]:
        """Say which variants and update rules have nothing for which hyperparameters.

        Of all tasks, or of some.
        """
        spaces = [self._spaces[task] for task in tasks or self.tasks]
        return without_factors(spaces, self.variants)

    def trial(self, task: str, variant: str, trial: int) -> TrialSpec:
        """Return one run of the study."""
        drawn = sample(self.searched(task, variant), self.seed, task, variant, trial)
        under = str(drawn.get("optimizer", ""))
        own = {n: value for n, value in drawn.items() if get_hyperparameter(n).acts_under(under)}
        return TrialSpec(task, variant, trial, self.seed, own, self.protocol)

    def data_options(self, task: str) -> dict[str, Any]:
        """Return the task's source and options, its path without ~ and variables."""
        options = dict(entry_of(self.config, "data", task))
        options["source"] = source_of(self.config, task)
        if options.get("path"):
            options["path"] = str(expanded(options["path"]))
        return options

    def data_version(self, task: str) -> int | list[int]:
        """Return what is raised when a task's data are to be made anew."""
        version = get_task(task).version
        return DATA_VERSION if version == 1 else [DATA_VERSION, version]

    def data_path(self, task: str) -> Path:
        """Return the task's prepared data file."""
        return expanded(self.config["data_folder"]) / f"{task}.h5"

    def trial_path(self, task: str, variant: str, trial: int) -> Path:
        """Return the file that is a trial's checkpoint and, in the end, its result."""
        return self.results / "trials" / task / variant / f"{trial}.h5"

    def block_path(self, task: str, variant: str, first: int | str, last: int | str) -> Path:
        """Return the declared result file of a block of trials, first and last included."""
        return self.results / task / variant / f"trials_{first}-{last}.h5"

    def blocks(self, task: str) -> Iterator[Block]:
        """Yield the block of each of the task's jobs."""
        size = int(self._settings(task).get("trials_per_job", TRIALS_PER_JOB))
        trials = self.trials(task)
        for variant in self.variants:
            for first in range(0, trials, size):
                yield Block(task, variant, first, min(first + size, trials) - 1)

    def trials_of_block(self, task: str, variant: str, first: int, last: int) -> list[TrialSpec]:
        """Return the runs of one job."""
        return [self.trial(task, variant, trial) for trial in range(first, last + 1)]

    def block_paths(self, task: str) -> list[Path]:
        """Return all declared block files of a task."""
        return [self.block_path(*block) for block in self.blocks(task)]

    def search_fingerprint(self, task: str) -> str:
        """Return a hash of all settings that decide results of the task's searches."""
        space = search_space_of(self.config, task)
        versions = self.versions(task)
        decisive: list[Any] = [RESULTS_VERSION, self.seed, space, asdict(self.protocol)]
        decisive += [each for each in (versions, dict(get_task(task).decisive)) if each]
        return fingerprint(decisive)

    def versions(self, task: str) -> dict[str, int]:
        """Return the versions, where they are not 1, of all rows that the task's trials use."""
        found: dict[str, int] = {}
        for variant in self.variants:
            found |= versions_of(task, variant, self.searched(task, variant))
        return found

    @cached_property
    def _spaces(self) -> dict[str, SearchSpace]:
        return {task: SearchSpace(self.search_space(task)) for task in self.tasks}

    def _settings(self, task: str) -> Mapping[str, Any]:
        return entry_of(self.config, "task_settings", task)


def read_study(files: Iterable[Path] = (), root: Path = Path()) -> Study:
    """Return the study of root's config.yaml with files laid over it, as Snakemake does it."""
    config: dict[str, Any] = {}
    for file in (root / "config.yaml", *files):
        lay_over(config, read_config_file(file))
    return load_study(config, SCHEMA)


def load_study(config: Mapping[str, Any], schema: Path = SCHEMA) -> Study:
    """Return the study of a config that was checked against the JSON schema; else ConfigError.

    References in the schema are files beside it.
    """
    try:
        check_config(config, schema)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Study(config)
