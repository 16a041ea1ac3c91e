"""What a library of the kernels is made of: their sources, MXNet, the compiler's flags.

ODYSSEY_CXXFLAGS adds flags, for sanitizers. Only the standard library is imported here.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
from contextlib import suppress
from pathlib import Path

from odyssey.engines.fused.instructions import INSTRUCTION_SETS, KernelError

#: The folder of the kernels' sources.
SOURCES = Path(__file__).parent
# Never -ffast-math: NaN and inf must pass through, and linking with it flushes denormal numbers to
# zero in the whole process.
_FLAGS = (
    *("-std=c++17", "-O2", "-fPIC", "-Wno-psabi"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
)
_WITHOUT = "the fused kernels are built against MXNet, which is not installed"


def source_key() -> str:
    """Return the fingerprint of the kernels' sources, flags and MXNet's version; KernelError."""
    files = sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.cc"), SOURCES.parent / "variant.h"])
    flags = map(str, (*compiler_flags(), *INSTRUCTION_SETS.items()))
    texts = (path.read_text(encoding="utf-8") for path in files)
    return digest(_mxnet_version(), *flags, *texts)


def compiler_flags() -> tuple[str, ...]:
    """Return what every source is compiled with, whatever its instruction set."""
    return (*_FLAGS, *extra_flags())


def extra_flags() -> tuple[str, ...]:
    """Return what the user adds."""
    return tuple(os.environ.get("ODYSSEY_CXXFLAGS", "").split())


def mxnet_folder() -> Path:
    """Return where MXNet's package lies; KernelError if there is none."""
    found = importlib.util.find_spec("mxnet")
    if found is None or not found.submodule_search_locations:
        raise KernelError(_WITHOUT)
    return Path(found.submodule_search_locations[0])


def digest(*parts: str) -> str:
    """Return sixteen digits that stand for some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _mxnet_version() -> str:
    """Return the version of MXNet's package; the wheels for GPUs have names of their own."""
    for name in ("mxnet", "mxnet-cu112", "mxnet-cu117"):
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    raise KernelError(_WITHOUT)
