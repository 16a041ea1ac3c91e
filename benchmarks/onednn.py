"""oneDNN's LSTM layer, where its packages are installed: onednn.cc, compiled and opened."""

import ctypes
import sys
import tempfile
from functools import cache
from pathlib import Path

from odyssey.engines.fused.compiler import find_compiler


def files() -> tuple[Path, Path] | None:
    """Return the folders of oneDNN's header and library, where its packages put them."""
    include, library = (Path(sys.prefix, name) for name in ("include", "lib"))
    found = (include / "dnnl.hpp").exists() and (library / "libdnnl.so").exists()
    return (include, library) if found else None


@cache
def adapter() -> ctypes.CDLL:
    """Return the compiled adapter; KernelError where it can't be."""
    found = files()
    assert found
    include, library = map(str, found)
    with tempfile.TemporaryDirectory() as scratch:
        out = f"{scratch}/onednn.so"
        source = str(Path(__file__).with_name("onednn.cc"))
        flags = ("-std=c++17", "-O2", "-shared", "-fPIC", "-fopenmp", f"-I{include}")
        links = (f"-L{library}", "-ldnnl", f"-Wl,-rpath,{library}", "-o", out)
        find_compiler().run(*flags, source, *links)
        opened = ctypes.CDLL(out)
    opened.onednn_open.restype = ctypes.c_void_p
    return opened
