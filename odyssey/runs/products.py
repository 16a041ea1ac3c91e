"""Everything a study makes: which file of what, and whether what is there is what is asked for.

The workflow's rules say how files are made and when they must be; this says by content whether a
file that is there is the study's: its settings, its data, its code. .smk files import it: no NumPy
or h5py unless there are files to look into.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from odyssey.storage.files import time_at
from odyssey.storage.receipts import Making
from odyssey.study.blocks import Block
from odyssey.study.study import Study
from odyssey.tasks import DATA_VERSION, get_task, tree

FIGURES = (
    *("figure3", "figure4", "figure5"),
    *("differences", "trials", "basins", "shares", "costs"),
)
FIGURES_PER_TASK = ("figure6",)

_BEHIND = "made of the outdated"
_TABLES = ("runs/results.py", "runs/tables.py")
_ANALYSIS = ("analysis/**/*", "paper/*", *_TABLES, "storage/plain.py")


class Product(Protocol):
    """The files that one job makes."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """What it makes."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """What of the study's it reads."""

    def outdated(self) -> str:
        """Return why files that are there are not what is asked for; empty if they are."""


@dataclass(frozen=True)
class PreparedData:
    """A task's prepared data, as its entry under ``data`` in the config asks for them."""

    path: Path
    options: Mapping[str, Any]
    task_version: int = 1
    inputs: tuple[Path, ...] = ()

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def outdated(self) -> str:
        """Compare source, options, versions and corpus with what the file was made of."""
        from odyssey.storage.datasets import DataError, read_origin

        try:
            made = read_origin(self.path)
        except DataError as error:
            return str(error)
        asked = {
            name: value
            for name, value in self.options.items()
            if name in made.takes and value is not None
        }
        if (made.source, made.data_version) != (self.options["source"], DATA_VERSION):
            return f"it is of source {made.source!r} and data version {made.data_version}"
        if made.task_version != self.task_version:
            return f"it is of version {made.task_version} of its task"
        for name in sorted({*asked, *made.options}):
            if str(asked.get(name)) != str(made.options.get(name)):
                return f"it was made with {name}: {made.options.get(name)}"
        if "path" in asked and tree.changed(Path(asked["path"]), made.state, made.files):
            return "the corpus has changed since"
        changed = [name for name, number in made.packages.items() if number != _installed(name)]
        return f"{changed[0]} was another version" if changed else ""


@dataclass(frozen=True)
class TrainedBlock:
    """A block of trials, each of the study's settings and of the data that are there."""

    path: Path
    trials: tuple[str, ...]
    data: Path

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The prepared data."""
        return (self.data,)

    def outdated(self) -> str:
        """Compare the trials' settings and data with those asked for."""
        from odyssey.storage.datasets import DataError, read_fingerprint
        from odyssey.storage.tree_file import DamagedFile, label_of

        try:
            label = _label(self.path)
            data = read_fingerprint(self.data)
        except (OSError, DamagedFile, DataError) as error:
            return str(error)
        asked = label_of((trial, data) for trial in self.trials)
        return "" if label == asked else "its trials are of other settings, data or version"


def figure_names(tasks: Iterable[str]) -> list[str]:
    """Return the names of all figures of a study of these tasks."""
    return [*FIGURES, *(f"{kind}-{task}" for task in tasks for kind in FIGURES_PER_TASK)]


def products(study: Study) -> Iterator[Product]:
    """Yield all that a study makes, what is made of another behind it."""
    for task in study.tasks:
        version = get_task(task).version
        yield PreparedData(study.data_path(task), study.data_options(task), version)
        for block in study.blocks(task):
            yield _trained(study, block)
    yield from _makings(study)


class Upkeep:
    """What of a study's files must be made again though it is there; looked up once, when asked."""

    def __init__(self, study: Study) -> None:
        self._study, self._told = study, False

    @cached_property
    def _products(self) -> list[Product]:
        return list(products(self._study))

    @cached_property
    def outdated(self) -> dict[Path, str]:
        """The files that are there and not what the study asks for, each with the reason."""
        found: dict[Path, str] = {}
        for product in self._products:
            there = [path for path in product.outputs if path.exists()]
            if there and (reason := self._renewed(product, found) or product.outdated()):
                found[there[0]] = reason
        return found

    def _renewed(self, product: Product, found: Mapping[Path, str]) -> str:
        return next((f"{_BEHIND} {path}" for path in product.inputs if path in found), "")

    def is_current(self, path: Path) -> bool:
        """Return whether a first output of a job is there and what the study asks for."""
        return path.exists() and path not in self.outdated

    def force(self, forced: set[str], say: Callable[[str], None], lines: int = 8) -> list[str]:
        """Add what is outdated to a set of files and say why, once; return no file."""
        told = [path for path, reason in self.outdated.items() if not reason.startswith(_BEHIND)]
        for path in told[: 0 if self._told else lines]:
            say(f"Outdated: {path}: {self.outdated[path]}")
        if len(told) > lines and not self._told:
            say(f"Outdated: {len(told) - lines} more files, and what is made of them")
        self._told = True
        forced.update(map(str, self.outdated))
        return []

    def no_times_ahead(self) -> None:
        """Set times that lie in the future, of a clock that was ahead, to the present."""
        paths = [path for product in self._products for path in product.outputs]
        now = time_at(self._study.results)
        for path in paths:
            with suppress(OSError):
                if path.stat().st_mtime > now + 1:
                    os.utime(path, (now, now))


@contextmanager
def receipted(config: Mapping[str, Any], outputs: Sequence[str]) -> Iterator[None]:
    """Write the receipt of an analysis job, given its outputs, once the body has made them."""
    first = Path(outputs[0])
    for making in _makings(Study(config)):
        if first in making.outputs:
            with making.receipted():
                yield
            return
    raise ValueError(f"{first}: must be a file that the study's analysis makes")


def _trained(study: Study, block: Block) -> TrainedBlock:
    fingerprints = tuple(spec.fingerprint for spec in study.trials_of_block(*block))
    return TrainedBlock(study.block_path(*block), fingerprints, study.data_path(block.task))


def _makings(study: Study) -> Iterator[Making]:
    for task in study.tasks:
        yield from _analysis_of_task(study, task)
    yield from _joined(study)


def _analysis_of_task(study: Study, task: str) -> Iterator[Making]:
    root, analysis = study.results, study.config["analysis"]
    trials, curves = (root / task / f"{name}.csv" for name in ("trials", "curves"))
    yield Making(root, (trials, curves), tuple(study.block_paths(task)), code=_TABLES)
    for kind, settings in (
        ("fanova", {"analysis": analysis, "search": study.search_fingerprint(task)}),
        ("comparison", {"analysis": analysis}),
    ):
        yield Making(root, (root / kind / f"{task}.json",), (trials,), settings, _ANALYSIS)
    beside, inputs = root / "paper" / f"{task}.json", (trials, study.data_path(task))
    yield Making(root, (beside,), inputs, {"analysis": analysis}, _ANALYSIS)
    kinds = (root / kind / f"{task}.json" for kind in ("fanova", "comparison", "paper"))
    parts = (trials, curves, study.data_path(task), *kinds)
    yield Making(root, (root / task / "report.html",), parts, _of_report(study, [task]), _ANALYSIS)


def _joined(study: Study) -> Iterator[Making]:
    root, analysis = study.results, study.config["analysis"]
    findings = tuple(
        path
        for task in study.tasks
        for path in (
            root / task / "trials.csv",
            *(root / kind / f"{task}.json" for kind in ("fanova", "comparison", "paper")),
        )
    )
    names = ("trials.csv", "fanova.json", "comparison.json", "paper.json")
    yield Making(root, tuple(root / name for name in names), findings, code=_ANALYSIS)
    figures = {name: root / "figures" / f"{name}.svg" for name in figure_names(study.tasks)}
    for svg in figures.values():
        yield Making(
            root, (svg, svg.with_suffix(".png")), findings, {"analysis": analysis}, _ANALYSIS
        )
    curves = (root / task / "curves.csv" for task in study.tasks)
    inputs = (*findings, *curves, *map(study.data_path, study.tasks), *figures.values())
    settings = _of_report(study, study.tasks)
    yield Making(root, (root / "report.html",), inputs, settings, _ANALYSIS)


def _of_report(study: Study, tasks: Iterable[str]) -> Mapping[str, Any]:
    """Return the settings that a report shows, with the versions of extensions."""
    versions = {n: v for task in tasks for n, v in study.versions(task).items()}
    return {**study.config, "versions": versions} if versions else study.config


def _label(path: Path) -> str:
    """Return a block file's label, made up for one of before there were any."""
    from odyssey.storage.tree_file import label_of, load_tree, read_label

    if label := read_label(path):
        return label
    trials = load_tree(path).get("trials", {}).values()
    return label_of((trial["fingerprint"], trial["data"]["fingerprint"]) for trial in trials)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
