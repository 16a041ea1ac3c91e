"""What a task is, as one row: its network's ends, its loss, its data. Standard library only."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import LSTMVariant

Value = str | int | float | bool | None
#: Folders of a study's results, beside which every task has one of its name.
_FOLDERS = ("trials", "fanova", "comparison", "paper", "figures", "logs", "partial")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Option:
    """One option of a source: ``data.<task>.<option>`` in a study file.

    ``kind`` is str, int, float or bool. Numbers lie in [``least``, ``most``]; a text is one of
    ``choices`` where there are any, and never empty. ``default`` is the reader's own; an option
    that is ``required`` has none.
    """

    description: str
    kind: type = str
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()
    default: Value = None
    required: bool = False

    def check(self, value: object) -> None:
        """Raise ValueError unless a reader can be given the value; None stands for the default."""
        if value is not None and not self._allows(value):
            raise ValueError(f"must be {self.must}, got {value!r}")

    @property
    def must(self) -> str:
        """What must hold, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        bounds = [f"from {self.least}"] if math.isfinite(self.least) else []
        bounds += [f"to {self.most}"] if math.isfinite(self.most) else []
        return " ".join([_WORDS[self.kind], *bounds])

    def parse(self, text: str) -> Value:
        """Return the value of a text from the command line; ValueError if it stands for none."""
        if self.kind is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            value: Value = text if self.kind in (str, bool) else self.kind(text)
        except ValueError:
            value = text
        self.check(value)
        return value

    def _allows(self, value: Any) -> bool:
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if self.kind is str:
            return isinstance(value, str) and bool(value) and value in (self.choices or (value,))
        known = isinstance(value, int if self.kind is int else int | float)
        return bool(known and self.least <= value <= self.most)


@dataclass(frozen=True)
class Source:
    """Where a task's data come from.

    ``reader`` fills a ``readers.corpus.Corpus``: a function, or one that is imported when data are
    prepared, as ``package.module:function``. It takes the corpus, then ``options`` by name.
    ``description`` says what the corpus is, in plain words.
    """

    reader: str | Callable[..., None]
    description: str
    options: Mapping[str, Option] = field(default_factory=dict)


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
    minimised. ``merit`` and ``unit`` name its figure of merit, of which lower is better; ``worst``
    is what a trial counts as of which no finite figure is known, not even the untrained net's.
    ``size`` and ``costs`` are what a plan counts with before data are prepared: where they are
    None, those of the dearest task that is known. ``reported`` is what the paper says of the task,
    None for a task that is none of the paper's. Raise ``version`` when the row or its reader gives
    other data or other results: they are then made anew.
    """

    name: str
    title: str
    inputs: int
    outputs: int
    bidirectional: bool
    loss: str
    merit: str
    unit: str
    worst: float
    sources: Mapping[str, Source] = field(repr=False)
    size: Size | None = None
    costs: Costs | None = None
    reported: Reported | None = None
    version: int = 1

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

    def network(self, variant: LSTMVariant, hidden: int) -> NetworkSpec:
        """Return the task's network for a variant with ``hidden`` blocks per direction."""
        return NetworkSpec(
            variant,
            self.inputs,
            hidden,
            self.outputs,
            self.bidirectional,
            self.loss,  # type: ignore[arg-type]
        )


#: Options that mean the same for every source.
PATH = Option(
    "File or folder of the corpus, relative to the working directory; a folder above it will do. "
    "~ and $VARIABLES are replaced.",
    required=True,
)
SEED = Option("Seed of random splits and of made-up data.", int, 0, 2**32 - 1, default=1)
