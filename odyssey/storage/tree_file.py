"""Trees of arrays and attributes ↔ HDF5 files that are either whole or not there.

A file is an ordinary HDF5 file. Its user block, the 512 bytes that HDF5 leaves to the
application, holds a line with a digest of the rest, so damage is found before HDF5 sees it, and
may hold a label, which tells what the file is of without HDF5. The
file is built in memory, written beside the old one, fsynced and renamed: a kill at any instant
leaves the old file or the new one. HDF5 never opens a file itself, so its file locking,
a trouble on network file systems, is not in play.
"""

import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np

from odyssey.storage.files import is_lacking, replacing

Tree: TypeAlias = Mapping[str, Any]  # leaves: arrays, str, int, float, bool; or another Tree

_USER_BLOCK = 512
_MAGIC = "odyssey"


class DamagedFile(ValueError):
    """A file that is not what was written; the message is one line with its path."""


def save_tree(path: Path, tree: Tree, previous: Path | None = None, label: str = "") -> None:
    """Write a tree to path, atomically and durably: arrays as datasets, scalars as attributes.

    What was at path is kept as ``previous``, if that is given: one of both is always whole.
    ``read_label`` gives ``label``, of at most 64 characters, back.
    """
    content = _to_bytes(tree, label)
    with replacing(path) as new:
        new.write_bytes(content)
        if previous is not None and path.exists():
            _keep(path, previous)


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, so that at every instant its first one leads somewhere.

    Without hard links it is renamed: for an instant, or for ever after a kill, ``previous`` is the
    latest that there is.
    """
    link = path.with_name(f".{path.name}.link")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError as error:
        if not is_lacking(error):
            raise
        os.replace(path, previous)
        return
    os.replace(link, previous)
    link.unlink(missing_ok=True)  # to rename between two names of one file does nothing


def load_tree(path: Path) -> dict[str, Any]:
    """Return the tree in a file; DamagedFile if a byte differs from what was written."""
    image, _ = _checked(path)
    with h5py.File(h5py.h5f.open_file_image(image)) as file:
        return _read_group(file)


def label_of(trials: Iterable[tuple[str, str]]) -> str:
    """Return a label of trials in order, each by the fingerprints of its settings and its data."""
    parts = (part for trial in trials for part in trial)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def read_label(path: Path) -> str:
    """Return a file's label, empty if it has none; DamagedFile if a byte differs."""
    return _checked(path)[1]


def _checked(path: Path) -> tuple[bytes, str]:
    """Return what HDF5 sees of a file, and the label."""
    content = path.read_bytes()
    magic, *words = content[:_USER_BLOCK].partition(b"\n")[0].decode("ascii", "replace").split(" ")
    if magic != _MAGIC or not 1 <= len(words) <= 2:
        raise DamagedFile(f"{path}: not a file of odyssey's, or its first bytes are lost")
    image, label = content[_USER_BLOCK:], words[1] if len(words) > 1 else ""
    if words[0] != _digest(image, label):
        raise DamagedFile(f"{path}: truncated or altered: its content does not match its digest")
    return image, label


def _to_bytes(tree: Tree, label: str) -> bytes:
    options = {"driver": "core", "backing_store": False, "userblock_size": _USER_BLOCK}
    name = f"in memory {threading.get_ident()}"  # HDF5 knows open files by name
    with h5py.File(name, "w", track_order=True, **options) as file:
        _write_group(file, tree)
        file.flush()
        image: bytes = file.id.get_file_image()  # begins after the user block
    header = " ".join(filter(None, (_MAGIC, _digest(image, label), label))) + "\n"
    return header.encode("ascii").ljust(_USER_BLOCK, b"\0") + image


def _digest(body: bytes, label: str) -> str:
    return hashlib.blake2b(body, digest_size=32, key=label.encode()).hexdigest()


def _write_group(group: h5py.Group, tree: Tree) -> None:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            _write_group(group.create_group(name, track_order=True), value)
        elif isinstance(value, np.ndarray):
            group.create_dataset(name, data=value)
        else:
            group.attrs[name] = value


def _read_group(group: h5py.Group) -> dict[str, Any]:
    tree: dict[str, Any] = {name: _plain(value) for name, value in group.attrs.items()}
    for name, item in group.items():
        tree[name] = _read_group(item) if isinstance(item, h5py.Group) else item[()]
    return tree


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
