"""What prepared data are: sequences of three sets, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from odyssey.storage.sequences import FloatArray, Split

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Provenance:
    """Where the data come from; none of it enters the fingerprint."""

    options: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    versions: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    #: file below the option ``path`` → SHA-256; ``folder/*.wav`` → that of all such names there
    files: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    #: item left out → reason
    skipped: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    #: what a reader of the results should know, such as counts that differ from the paper's
    notes: tuple[str, ...] = ()
    #: names of all options that the source has, used or not
    takes: tuple[str, ...] = ()
    #: what the corpus looked like: ``tree.state``; empty where there is none
    state: str = ""
    #: DATA_VERSION of the code that prepared it
    data_version: int = 0
    #: version of the task's row; files say it where it is not 1
    task_version: int = field(default=1, repr=False)


class Origin(NamedTuple):
    """What a prepared file was made of, see Provenance; ``packages`` decide what the data are."""

    source: str
    options: Mapping[str, Any]
    takes: tuple[str, ...]
    packages: Mapping[str, str]
    files: Mapping[str, str]
    state: str
    data_version: int
    fingerprint: str
    task_version: int


@dataclass(frozen=True)
class Dataset:
    """One task's data as training sees them.

    ``description`` says in plain words what ``source`` is, ``comparable`` whether it is the paper's
    corpus with the paper's sets; ``labels`` names the classes, characters
    or pitches; ``mean`` and ``std`` (D,) are what the inputs were normalised with; ``baselines``
    maps a trivial model to its test figure of merit.
    """

    task: str
    source: str
    description: str
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    mean: FloatArray
    std: FloatArray
    baselines: Mapping[str, float] = field(default_factory=lambda: _EMPTY)
    provenance: Provenance = field(default_factory=Provenance)
    comparable: bool = False
    fingerprint: str = ""

    @property
    def train(self) -> Split:
        """The training set."""
        return self.splits["train"]

    @property
    def valid(self) -> Split:
        """The validation set."""
        return self.splits["valid"]

    @property
    def test(self) -> Split:
        """The test set."""
        return self.splits["test"]
