"""Prepared data: ragged sequences as one flat array and offsets, one HDF5 file a task.

Written once by preparation, read by every training job. Arrays lie contiguous and uncompressed,
so that reading is one copy. h5py and NumPy only.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from odyssey.storage.files import replacing

FORMAT, VERSION = "odyssey-dataset", 2
#: Distributions whose version is noted and decides nothing: DATA_VERSION does.
OWN_VERSIONS = ("odyssey", "numpy")
_USER_BLOCK = 512
T = TypeVar("T")
SPLITS = ("train", "valid", "test")

FloatArray = NDArray[np.float32]
_EMPTY: Mapping[str, Any] = MappingProxyType({})


class DataError(ValueError):
    """Data that are not what they must be: one line with the file, the place and what to do."""


class Example(NamedTuple):
    """One sequence: inputs x (T, D) and targets y, whose kind depends on the task's loss.

    softmax: int32 labels (T,); ctc: int32 labels (U,); bernoulli: uint8 next frames (T, K).
    """

    id: str
    x: NDArray[Any]
    y: NDArray[Any]


@dataclass(frozen=True)
class Split:
    """The sequences of one set: ``split[k]`` is the k-th pair x, y, two views without a copy."""

    inputs: NDArray[Any]
    input_offsets: NDArray[np.int64]
    targets: NDArray[Any]
    target_offsets: NDArray[np.int64]
    ids: tuple[str, ...]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "Split":
        """Join at least one example; inputs keep the dtype of the first."""
        return cls(
            np.concatenate([example.x for example in examples]),
            _offsets([len(example.x) for example in examples]),
            np.concatenate([example.y for example in examples]),
            _offsets([len(example.y) for example in examples]),
            tuple(example.id for example in examples),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if not -len(self) <= k < len(self):  # which also ends an iteration
            raise IndexError(f"the split has {len(self)} sequences, there is no number {k}")
        k %= len(self)
        x = self.inputs[self.input_offsets[k] : self.input_offsets[k + 1]]
        return x, self.targets[self.target_offsets[k] : self.target_offsets[k + 1]]

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        return (self[k] for k in range(len(self)))

    def scaled(self, mean: FloatArray, std: FloatArray) -> "Split":
        """Return (inputs − mean) / std, frame by frame, in float32."""
        return replace(self, inputs=(self.inputs - mean) / std)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each sequence, (n,)."""
        return np.diff(self.input_offsets)


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


def write_dataset(path: Path, dataset: Dataset) -> str:
    """Write the file, whole or not at all, and return the fingerprint it got."""
    fingerprint = _fingerprint(dataset)
    with replacing(path) as name:
        with h5py.File(name, "w", locking=False, userblock_size=_USER_BLOCK) as file:
            _write(file, dataset, fingerprint)
        with name.open("r+b") as plain:
            plain.write(b"odyssey %s\n" % _content(dataset, fingerprint).encode())
    return fingerprint


def load_dataset(path: Path) -> Dataset:
    """Read a file of ``write_dataset`` with float32 inputs; DataError if it is none."""
    return _opened(path, _read)


def read_origin(path: Path) -> Origin:
    """Read what a prepared file was made of, not the data; DataError if it is none."""
    return _opened(path, _read_origin)


def read_fingerprint(path: Path) -> str:
    """Read a prepared file's fingerprint alone; DataError if it is none."""
    return _opened(path, lambda file: str(file.attrs["fingerprint"]))


def _opened(path: Path, read: Callable[[h5py.File], T]) -> T:
    try:
        # Whole files only: no lock is needed, which some network file systems refuse.
        with h5py.File(path, "r", locking=False) as file:
            found = file.attrs.get("format"), file.attrs.get("version")
            if found != (FORMAT, VERSION):
                raise DataError(
                    f"{path}: expected {FORMAT} version {VERSION}, got {found[0]} version "
                    f"{found[1]}; prepare the data again"
                )
            return read(file)
    except DataError:
        raise
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: not a complete {FORMAT} file ({error}); prepare the data again"
        ) from error


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _arrays(split: Split) -> dict[str, NDArray[Any]]:
    names = ("inputs", "input_offsets", "targets", "target_offsets")
    return {name: np.ascontiguousarray(getattr(split, name)) for name in names}


def _fingerprint(dataset: Dataset) -> str:
    """SHA-256 over everything that training sees, whatever its origin and date."""
    digest = hashlib.sha256(repr((dataset.task, dataset.labels)).encode())
    for name in SPLITS:
        for key, array in _arrays(dataset.splits[name]).items():
            digest.update(f"{name} {key} {array.dtype.str} {array.shape}".encode())
            digest.update(array.data)
    return digest.hexdigest()


def _content(dataset: Dataset, fingerprint: str) -> str:
    """Return a hash of all that the file says: also of what training does not see."""
    provenance = dataset.provenance
    said = (dataset.description, dataset.comparable, dict(dataset.baselines), provenance)
    text = repr((fingerprint, said))
    if provenance.task_version != 1:
        text += f" {provenance.task_version}"
    return hashlib.sha256(text.encode()).hexdigest()


def _write(file: h5py.File, dataset: Dataset, fingerprint: str) -> None:
    file.attrs.update(format=FORMAT, version=VERSION, fingerprint=fingerprint)
    for name in ("task", "source", "description", "comparable"):
        file.attrs[name] = getattr(dataset, name)
    file.attrs["left_out"] = len(dataset.provenance.skipped)  # for who looks with HDF5's own tools
    for name in SPLITS:
        group = file.create_group(name)
        for key, array in _arrays(dataset.splits[name]).items():
            group[key] = array
        _write_texts(group, "ids", dataset.splits[name].ids)
    file["mean"], file["std"] = dataset.mean, dataset.std
    _write_texts(file, "labels", dataset.labels)
    provenance = dataset.provenance
    for name, mapping in (
        ("baselines", dataset.baselines),
        ("options", provenance.options),
        ("versions", provenance.versions),
    ):
        file.create_group(name).attrs.update(mapping)
    for name, items in (("files", provenance.files), ("skipped", provenance.skipped)):
        _write_texts(file, name, [text for pair in items.items() for text in pair])
    for name in ("notes", "takes"):
        _write_texts(file, name, getattr(provenance, name))
    file.attrs.update(state=provenance.state, data_version=provenance.data_version)
    if provenance.task_version != 1:
        file.attrs["task_version"] = provenance.task_version


def _read(file: h5py.File) -> Dataset:
    return Dataset(
        file.attrs["task"],
        file.attrs["source"],
        file.attrs["description"],
        _read_texts(file, "labels"),
        {name: _read_split(file[name]) for name in SPLITS},
        mean=file["mean"][...],
        std=file["std"][...],
        baselines={name: float(value) for name, value in file["baselines"].attrs.items()},
        provenance=Provenance(
            dict(file["options"].attrs),
            dict(file["versions"].attrs),
            _read_pairs(file, "files"),
            _read_pairs(file, "skipped"),
            _read_texts(file, "notes"),
            _read_texts(file, "takes"),
            file.attrs["state"],
            int(file.attrs["data_version"]),
            _task_version(file),
        ),
        comparable=bool(file.attrs["comparable"]),
        fingerprint=file.attrs["fingerprint"],
    )


def _read_origin(file: h5py.File) -> Origin:
    versions = dict(file["versions"].attrs)
    return Origin(
        file.attrs["source"],
        dict(file["options"].attrs),
        _read_texts(file, "takes"),
        {name: versions[name] for name in set(versions) - set(OWN_VERSIONS)},
        _read_pairs(file, "files"),
        file.attrs["state"],
        int(file.attrs["data_version"]),
        file.attrs["fingerprint"],
        _task_version(file),
    )


def _task_version(file: h5py.File) -> int:
    return int(file.attrs.get("task_version", 1))


def _read_split(group: h5py.Group) -> Split:
    return Split(
        group["inputs"].astype(np.float32)[...],
        group["input_offsets"][...],
        group["targets"][...],
        group["target_offsets"][...],
        _read_texts(group, "ids"),
    )


def _write_texts(group: h5py.Group, name: str, texts: Sequence[str]) -> None:
    # One array of bytes: variable-length strings of HDF5 cost a microsecond each to read.
    # Names of files may be no text: what cannot be encoded is kept as it is.
    content = "\0".join(texts).encode(errors="surrogateescape")
    group[name] = np.frombuffer(content, dtype=np.uint8)
    group[name].attrs["strings"] = len(texts)


def _read_texts(group: h5py.Group, name: str) -> tuple[str, ...]:
    dataset = group[name]
    text = dataset[...].tobytes().decode(errors="surrogateescape")
    return tuple(text.split("\0")) if dataset.attrs["strings"] else ()


def _read_pairs(group: h5py.Group, name: str) -> dict[str, str]:
    texts = _read_texts(group, name)
    return dict(zip(texts[::2], texts[1::2], strict=True))
