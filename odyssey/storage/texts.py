"""Lists of texts in HDF5, as one array of bytes each.

HDF5's own strings of variable length cost a microsecond each to read. Names of files may be no
text: what can't be encoded is kept as it is.
"""

from collections.abc import Sequence

import h5py
import numpy as np


def write_texts(group: h5py.Group, name: str, texts: Sequence[str]) -> None:
    """Write texts as the array ``name``."""
    content = "\0".join(texts).encode(errors="surrogateescape")
    group[name] = np.frombuffer(content, dtype=np.uint8)
    group[name].attrs["strings"] = len(texts)


def read_texts(group: h5py.Group, name: str) -> tuple[str, ...]:
    """Return the texts of ``write_texts``."""
    dataset = group[name]
    text = dataset[...].tobytes().decode(errors="surrogateescape")
    return tuple(text.split("\0")) if dataset.attrs["strings"] else ()


def read_pairs(group: h5py.Group, name: str) -> dict[str, str]:
    """Return a mapping whose keys and values were written in turns."""
    texts = read_texts(group, name)
    return dict(zip(texts[::2], texts[1::2], strict=True))
