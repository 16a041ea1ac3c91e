"""The CUDA kernels on the CPU: compiled as C++ with emulated threads, behind an emulated driver."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from odyssey.engines.fused.library import cache_folder
from odyssey.engines.gpu.driver import Driver, DriverLauncher
from odyssey.engines.gpu.fleet import Fleet
from odyssey.engines.gpu.source import FILES, FOLDER
from odyssey.engines.switches import switches
from odyssey.networks.variants import VANILLA

HERE = Path(__file__).parent / "cuda"
#: Bytes of shared memory that devices of a capability let a block have.
SHARED = {(7, 0): 96 << 10, (7, 5): 64 << 10, (8, 0): 163 << 10, (9, 0): 227 << 10}
FLAGS = (
    *("-std=c++17", "-Og", "-fPIC", "-fno-gnu-unique", "-Wall", "-Wextra", "-Werror"),
    *("-Wno-unknown-pragmas", "-Wno-unused-parameter", "-Wno-clobbered"),
    "-U_FORTIFY_SOURCE",  # which forbids jumps between stacks
)


def emulated_launcher(variant, falling=False, shared=SHARED[8, 0]):
    """Return the launcher of this processor; ``falling`` turns the order of the threads around."""
    return DriverLauncher(_shared_driver(variant, falling, shared), "")


def emulated_fleet(*of, loss_kernels=True, **device):
    """Return a fleet whose device is this processor; see ``emulated_launcher``."""
    return Fleet(emulated_launcher(*of, **device), loss_kernels)


class EmulatedDriver(Driver):
    """A driver of its own: every instance loads a fresh copy of the library."""

    def __init__(self, variant=VANILLA, count=1, capability=(8, 0), shared=SHARED[8, 0]):
        with tempfile.NamedTemporaryFile(suffix=".so") as copy:
            shutil.copyfile(compiled(switches(variant), shared), copy.name)
            super().__init__(copy.name)
            self.library = ctypes.CDLL(copy.name)
        self.library.emulated_log.restype = ctypes.c_char_p
        self.library.emulated_device(count, *capability)

    @property
    def log(self):
        """Names of all kernels launched, and of waits."""
        return self.library.emulated_log().decode().split()


@cache
def _shared_driver(variant, falling, shared):
    driver = EmulatedDriver(variant, shared=shared)
    driver.library.emulated_falling(falling)
    return driver


@cache
def compiled(bits, shared=SHARED[8, 0]):
    """Return the library for a variant's switches and shared memory, built where it is not yet."""
    driver = _built("driver.o", "-c", HERE / "driver.cc")
    defined = (f"-I{FOLDER}", f"-DODYSSEY_SWITCHES={bits}u", f"-DODYSSEY_SHARED={shared}")
    return _built(f"{bits}-{shared}.so", "-shared", *defined, HERE / "emulated.cc", driver)


def _built(name, *arguments):
    """Return what the compiler makes of arguments, in a folder of these sources."""
    sources = [*FILES, *sorted(HERE.iterdir())]
    text = "\0".join([*FLAGS, *(path.read_text() for path in sources)])
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    target = cache_folder() / f"emulated-{key}" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}")
        command = ["g++", *FLAGS, *map(str, arguments), "-o", str(draft)]
        subprocess.run(command, check=True)
        draft.replace(target)
    return target
