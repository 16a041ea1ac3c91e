"""oneDNN's LSTM layer, where its packages are installed: onednn.cc, compiled and opened."""

import ctypes
import sys
import tempfile
import weakref
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.fused.compiler import find_compiler


class Layer:
    """One LSTM layer over sequences of T frames, forward and backward, on one thread.

    With S directions, forward first, D inputs and H units: ``arrays`` are views of its memory,
    float32: x (T, D), y (T, S·H), W (S, D, 4, H), R (S, H, 4, H), b (S, 4, H) and, with peepholes,
    p (S, 3, H); dx … dp of the same shapes hold the gradients. Gates are in the order i, f, z, o.
    All start with some numbers. Raises KernelError where the adapter can't be compiled, ValueError
    where oneDNN has no such layer.
    """

    def __init__(self, T: int, inputs: int, hidden: int, sides: int, peepholes: bool) -> None:
        self._library = _adapter()
        handle = self._library.onednn_open(T, inputs, hidden, sides, int(peepholes))
        if not handle:
            raise ValueError(f"oneDNN has no LSTM layer of {hidden} units over {inputs} inputs")
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._library.onednn_close, self._handle)
        shapes: dict[str, tuple[int, ...]] = {
            "x": (T, inputs),
            "y": (T, sides * hidden),
            "W": (sides, inputs, 4, hidden),
            "R": (sides, hidden, 4, hidden),
            "b": (sides, 4, hidden),
        }
        shapes |= {"p": (sides, 3, hidden)} if peepholes else {}
        shapes |= {f"d{name}": shape for name, shape in shapes.items()}
        self.arrays = {name: self._array(name, shape) for name, shape in shapes.items()}

    def step(self) -> None:
        """Compute y of x, and of dy the gradients of all the others."""
        if self._library.onednn_step(self._handle):
            raise RuntimeError("oneDNN could not compute its LSTM")

    def _array(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        count = ctypes.c_size_t(int(np.prod(shape)))
        pointer = self._library.onednn_array(self._handle, name.encode(), count)
        assert pointer, name
        return np.ctypeslib.as_array(pointer, shape)


def files() -> tuple[Path, Path] | None:
    """Return the folders of oneDNN's header and library, where its packages put them."""
    include, library = (Path(sys.prefix, name) for name in ("include", "lib"))
    found = (include / "dnnl.hpp").exists() and (library / "libdnnl.so").exists()
    return (include, library) if found else None


@cache
def _adapter() -> ctypes.CDLL:
    found = files()
    assert found
    include, library = map(str, found)
    with tempfile.TemporaryDirectory() as scratch:
        out = f"{scratch}/onednn.so"
        source = str(Path(__file__).with_name("onednn.cc"))
        flags = ("-std=c++17", "-O2", "-shared", "-fPIC", "-fopenmp", f"-I{include}")
        links = (f"-L{library}", "-ldnnl", f"-Wl,-rpath,{library}", "-o", out)
        find_compiler().run(*flags, source, *links)
        adapter = ctypes.CDLL(out)
    adapter.onednn_open.restype = ctypes.c_void_p
    adapter.onednn_array.restype = ctypes.POINTER(ctypes.c_float)
    adapter.onednn_close.restype = None
    return adapter
