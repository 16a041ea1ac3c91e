"""Prepared data: ragged sequences as one flat array and offsets, one HDF5 file for each task.

Written once by preparation, read by every training job. Arrays lie contiguous and uncompressed,
so that reading is one copy. h5py and NumPy only.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from odyssey.storage.dataset import Dataset, Origin, Provenance
from odyssey.storage.files import replacing
from odyssey.storage.sequences import SPLITS, DataError, Example, FloatArray, Split
from odyssey.storage.texts import read_pairs, read_texts, write_texts

__all__ = [
    "OWN_VERSIONS",
    "SPLITS",
    "DataError",
    "Dataset",
    "Example",
    "FloatArray",
    "Origin",
    "Provenance",
    "Split",
    "is_prepared",
    "load_dataset",
    "read_fingerprint",
    "read_origin",
    "write_dataset",
]

FORMAT, VERSION = "odyssey-dataset", 2
#: Distributions whose version is noted and decides nothing: DATA_VERSION does.
OWN_VERSIONS = ("odyssey", "numpy")
_USER_BLOCK = 512
T = TypeVar("T")


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


def is_prepared(path: Path) -> bool:
    """Return whether a file says that it holds prepared data, of whatever version."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            return bool(file.attrs.get("format") == FORMAT)
    except OSError:
        return False


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
    file.attrs["left_out"] = len(dataset.provenance.skipped)  # for users of h5dump
    for name in SPLITS:
        group = file.create_group(name)
        for key, array in _arrays(dataset.splits[name]).items():
            group[key] = array
        write_texts(group, "ids", dataset.splits[name].ids)
    file["mean"], file["std"] = dataset.mean, dataset.std
    write_texts(file, "labels", dataset.labels)
    provenance = dataset.provenance
    for name, mapping in (
        ("baselines", dataset.baselines),
        ("options", provenance.options),
        ("versions", provenance.versions),
    ):
        file.create_group(name).attrs.update(mapping)
    for name, items in (("files", provenance.files), ("skipped", provenance.skipped)):
        write_texts(file, name, [text for pair in items.items() for text in pair])
    for name in ("notes", "takes"):
        write_texts(file, name, getattr(provenance, name))
    file.attrs.update(state=provenance.state, data_version=provenance.data_version)
    if provenance.task_version != 1:
        file.attrs["task_version"] = provenance.task_version


def _read(file: h5py.File) -> Dataset:
    return Dataset(
        file.attrs["task"],
        file.attrs["source"],
        file.attrs["description"],
        read_texts(file, "labels"),
        {name: _read_split(file[name]) for name in SPLITS},
        mean=file["mean"][...],
        std=file["std"][...],
        baselines={name: float(value) for name, value in file["baselines"].attrs.items()},
        provenance=Provenance(
            dict(file["options"].attrs),
            dict(file["versions"].attrs),
            read_pairs(file, "files"),
            read_pairs(file, "skipped"),
            read_texts(file, "notes"),
            read_texts(file, "takes"),
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
        read_texts(file, "takes"),
        {name: versions[name] for name in set(versions) - set(OWN_VERSIONS)},
        read_pairs(file, "files"),
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
        read_texts(group, "ids"),
    )
