"""State dicts as ``torch.load`` reads them, written without PyTorch, which is 2 GB of libraries.

The format, since PyTorch 1.6, is a ZIP file without compression: ``data.pkl``, a pickle of the dict
whose tensors name their storage, and one file of raw numbers for each storage. Source: PyTorch's
torch/serialization.py. The pickle is written opcode by opcode, since a pickler would import what it
names.
"""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from odyssey.export.weights import FloatArray
from odyssey.storage.files import replacing

_FOLDER = "archive"


def write_state_dict(path: Path, state: Mapping[str, FloatArray]) -> None:
    """Write name → float32 array, whole or not at all."""
    arrays = {name: np.ascontiguousarray(value, "<f4") for name, value in state.items()}
    with replacing(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as file:
        _add(file, "data.pkl", _pickled(arrays))
        _add(file, "byteorder", b"little")
        for number, array in enumerate(arrays.values()):
            _add(file, f"data/{number}", array.tobytes())
        _add(file, "version", b"3\n")


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file without a date: the same weights are the same bytes."""
    file.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}"), content)


def _pickled(arrays: Mapping[str, FloatArray]) -> bytes:
    """Return OrderedDict([(name, tensor), …]) as a pickle of protocol 2."""
    out = io.BytesIO()
    out.write(pickle.PROTO + b"\x02")
    _ordered_dict(out)
    out.write(pickle.MARK)
    for number, (name, array) in enumerate(arrays.items()):
        _text(out, name)
        _tensor(out, number, array)
    out.write(pickle.SETITEMS + pickle.STOP)
    return out.getvalue()


def _tensor(out: io.BytesIO, number: int, array: FloatArray) -> None:
    """Write _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)."""
    _name(out, "torch._utils", "_rebuild_tensor_v2")
    out.write(pickle.MARK)
    out.write(pickle.MARK)
    _text(out, "storage")
    _name(out, "torch", "FloatStorage")
    _text(out, str(number))
    _text(out, "cpu")
    _integer(out, array.size)
    out.write(pickle.TUPLE + pickle.BINPERSID)
    _integer(out, 0)
    for numbers in (array.shape, [stride // array.itemsize for stride in array.strides]):
        out.write(pickle.MARK)
        for each in numbers:
            _integer(out, each)
        out.write(pickle.TUPLE)
    out.write(pickle.NEWFALSE)
    _ordered_dict(out)
    out.write(pickle.TUPLE + pickle.REDUCE)


def _ordered_dict(out: io.BytesIO) -> None:
    _name(out, "collections", "OrderedDict")
    out.write(pickle.EMPTY_TUPLE + pickle.REDUCE)


def _name(out: io.BytesIO, module: str, name: str) -> None:
    out.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())


def _text(out: io.BytesIO, text: str) -> None:
    content = text.encode()
    out.write(pickle.BINUNICODE + struct.pack("<I", len(content)) + content)


def _integer(out: io.BytesIO, number: int) -> None:
    if number >= 2**31:  # a layer of 8192 blocks has fewer parameters in each array
        raise ValueError(f"an array must have less than 2³¹ numbers, got {number}")
    out.write(pickle.BININT + struct.pack("<i", number))
