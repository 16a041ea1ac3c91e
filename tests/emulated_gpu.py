"""The CUDA kernels on the CPU: compiled as C++ with emulated threads, behind a Launcher."""

import ctypes
import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

from odyssey.gpu.fleet import Fleet
from odyssey.gpu.launcher import eights
from odyssey.gpu.source import FOLDER
from odyssey.kernels.build import cache_folder, switches

HERE = Path(__file__).parent / "cuda"
FLAGS = (
    *("-std=c++17", "-O1", "-shared", "-fPIC", "-fno-gnu-unique", "-Wall", "-Wextra", "-Werror"),
    *("-Wno-unknown-pragmas", "-Wno-unused-parameter", "-Wno-clobbered"),
)


class HostMemory:
    """Bytes that start as NaN."""

    def __init__(self, size):
        self.values = np.full(eights(size), 0xFF, np.uint8)
        self.address, self.size = self.values.ctypes.data, len(self.values)

    def write(self, values):
        flat = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self.values[: len(flat)] = flat

    def read(self, size):
        return self.values[:size].copy()


class EmulatedLauncher:
    """Runs each kernel at once; ``falling`` turns the order of the threads around."""

    def __init__(self, variant, falling=False):
        self._library, self._falling = compiled(switches(variant)), falling
        self.log = []

    def allocate(self, size):
        return HostMemory(size)

    def launch(self, kernel, grid, table, *numbers):
        self.log.append(kernel)
        name, pointer = f"odyssey_{kernel}".encode(), ctypes.c_void_p(table.address)
        run = self._library.emulated_launch
        assert run(name, *grid, self._falling, pointer, *numbers, ctypes.c_void_p()) == 0

    def synchronize(self):
        self.log.append("synchronize")


def emulated_fleet(variant, falling=False):
    """Return a fleet whose device is this processor."""
    return Fleet(EmulatedLauncher(variant, falling))


@cache
def compiled(bits):
    """Return the kernels of a variant's switches, built where they are not yet."""
    sources = sorted([*FOLDER.iterdir(), *HERE.iterdir()])
    text = "\0".join([*FLAGS, *(path.read_text() for path in sources)])
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    target = cache_folder() / f"emulated-{key}" / f"{bits}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}")
        defined = (f"-I{FOLDER}", f"-DODYSSEY_SWITCHES={bits}u")
        subprocess.run(
            ["g++", *FLAGS, *defined, str(HERE / "emulated.cc"), "-o", str(draft)], check=True
        )
        draft.replace(target)
    return ctypes.CDLL(str(target))
