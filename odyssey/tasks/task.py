"""What a task is, as one row: its network's ends, its loss, its data. Standard library only."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from odyssey.losses import get_loss
from odyssey.networks.cells import Cell
from odyssey.networks.spec import NetworkSpec
from odyssey.tasks.source import Option, Source

#: Folders of a study's results, beside which every task has one of its name.
_FOLDERS = ("trials", "fanova", "comparison", "paper", "figures", "logs", "partial")


@dataclass(frozen=True)
class Size:
    """A corpus's size: sequences of the three sets, frames of one on average."""

    train: int
    valid: int
    test: int
    frames: float

    @property
    def sequences(self) -> dict[str, int]:
        """Sequences by set."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


@dataclass(frozen=True)
class Costs:
    """Seconds a sequence, and seconds a frame and parameter, of training on one core.

    ``epochs`` is the share of the protocol's epochs that trials train on average; 1 is the most.
    """

    sequence: float
    parameter: float
    epochs: float = 1.0


@dataclass(frozen=True)
class Reported:
    """What the paper reports of a task, in its unit.

    ``test`` is the figure of the trial that is best on validation, of ``variant``; ``before`` the
    best before the paper; ``elsewhere`` maps other models to what others report.
    """

    test: float
    variant: str
    before: str
    elsewhere: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One column of a study.

    ``inputs`` D and ``outputs`` K are the ends of its network, ``loss`` the name of what is
    minimised, see ``odyssey.losses``. ``merit`` and ``unit`` name its figure of merit, of which
    lower is better; ``worst`` is what a trial counts as of which no finite figure is known, not
    even the untrained net's: the loss's own where the row says nothing.
    ``size`` and ``costs`` are what a plan counts with before data are prepared: where they are
    None, those of the dearest task that is known. ``reported`` is what the paper says of the task,
    None for a task that is none of the paper's. Raise ``version`` when the row or its reader gives
    other data or other results: they are then made anew. ``decisive`` holds, of a row that a config
    describes, what else decides the trials' results, as plain JSON types.
    """

    name: str
    title: str
    inputs: int
    outputs: int
    bidirectional: bool
    loss: str
    sources: Mapping[str, Source] = field(repr=False)
    merit: str = ""
    unit: str = ""
    worst: float = math.nan
    size: Size | None = None
    costs: Costs | None = None
    reported: Reported | None = None
    version: int = 1
    decisive: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.name) or self.name in _FOLDERS:
            raise ValueError(
                "a task's name must be letters, digits and _, a letter first, and none of "
                f"{', '.join(_FOLDERS)}, got {self.name!r}"
            )
        if min(self.inputs, self.outputs, self.version) < 1 or not self.sources:
            raise ValueError(
                f"the task {self.name!r} must have at least one input, output and source, and a "
                f"version from 1, got {self.inputs=}, {self.outputs=}, {self.version=}, "
                f"{len(self.sources)} sources"
            )
        loss = get_loss(self.loss)
        worst = loss.worst(self.outputs) if math.isnan(self.worst) else self.worst
        for name, value in (
            ("merit", self.merit or loss.merit),
            ("unit", self.unit or loss.unit),
            ("worst", worst),
        ):
            object.__setattr__(self, name, value)
        if not math.isfinite(self.worst):
            raise ValueError(
                f"the worst figure of {self.name!r} must be finite, got {self.worst}: means and "
                "ranks count with it"
            )

    def source_of(self, named: str | None) -> str:
        """Return the name of a source, the only one where none is named; else ValueError."""
        names = list(self.sources)
        if not named and len(names) > 1:
            raise ValueError(
                f"must say where the data of {self.name} come from: {', '.join(names)}"
            )
        if named and named not in names:
            raise ValueError(f"{self.name} has no source {named!r}: use {', '.join(names)}")
        return named or names[0]

    def option(self, name: str, source: str) -> Option:
        """Return an option of a source, or of another of the task; ValueError if none has it."""
        known = {n: each for row in self.sources.values() for n, each in row.options.items()}
        known |= self.sources[source].options
        if name not in known:
            raise ValueError(f"{self.name} has no option {name}: use {', '.join(sorted(known))}")
        return known[name]

    def network(self, variant: Cell, hidden: int) -> NetworkSpec:
        """Return the task's network of a cell with ``hidden`` blocks per direction."""
        return NetworkSpec(
            variant,
            self.inputs,
            hidden,
            self.outputs,
            self.bidirectional,
            self.loss,
        )
