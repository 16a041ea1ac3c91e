"""The one module that imports MXNet; everyone else says ``from odyssey.engines.mx import mx``.

MXNet 1.9.1 was written for an older NumPy and asks for ``np.bool``. A trial is one single-threaded
process, so MXNet's own thread pools are held to one thread, and its engine is the one that computes
where it is called: handing a step to another thread costs up to twice a small step. The environment
may say otherwise.
"""

import contextlib
import ctypes
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

for _pool in ("OMP_NUM_THREADS", "MXNET_CPU_WORKER_NTHREADS", "MXNET_MP_WORKER_NTHREADS"):
    os.environ.setdefault(_pool, "1")
os.environ.setdefault("MXNET_ENGINE_TYPE", "NaiveEngine")

setattr(np, "bool", np.bool_)  # noqa: B010


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what MXNet says of its engine at every start off standard error."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _without(*modules: str) -> Iterator[None]:
    """Let nobody import these modules, unless they have been imported."""
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:  # None is how Python notes that a module is not there
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# In the order in which they need one another; `make gpu-env` installs them.
_CUDA = (
    *("cuda_runtime/lib/libcudart.so.11.0", "nvtx/lib/libnvToolsExt.so.1"),
    *("cublas/lib/libcublasLt.so.11", "cublas/lib/libcublas.so.11"),
    *("cusparse/lib/libcusparse.so.11", "cufft/lib/libcufft.so.10", "curand/lib/libcurand.so.10"),
    *("cusolver/lib/libcusolver.so.11", "cudnn/lib/libcudnn.so.8"),
    *("cuda_nvrtc/lib/libnvrtc.so.11.2", "nccl/lib/libnccl.so.2"),
)


def _load_cuda() -> None:
    """Load what MXNet's wheel for GPUs needs from the nvidia-*-cu11 packages, where they are.

    It is then found by its name, and nobody has to set LD_LIBRARY_PATH.
    """
    package = importlib.util.find_spec("nvidia")
    for folder in package.submodule_search_locations or () if package else ():
        paths = [Path(folder, name) for name in _CUDA]
        if all(path.exists() for path in paths):
            for path in paths:
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


# What MXNet's library needs of the system, and the packages of Debian that hold it.
_PACKAGES = {
    "libgomp": "libgomp1",
    "libquadmath": "libquadmath0",
    "libgfortran": "libgfortran5",
    "libstdc++": "libstdc++6",
    "libgcc_s": "libgcc-s1",
    "libz.": "zlib1g",
}


def _refusal(error: Exception) -> str:
    """Return why MXNet can't be loaded, and what to do, in one line."""
    reason = " ".join(str(error).split()) or type(error).__name__
    advice = "set the environment up again: make env"
    if "GLIBC" in reason or "CXXABI" in reason:
        advice = (
            "an older C++ library comes first, perhaps of a module or of conda: unset "
            "LD_LIBRARY_PATH, or put the folder of the system's libstdc++.so.6 first in it"
        )
    elif any(name in reason for name in ("libcuda", "libcudart", "libcudnn", "libnccl")):
        advice = (
            "its build for GPUs (`make gpu-env`) needs NVIDIA's driver: where there is none, use "
            "the environment of `make env`"
        )
    else:
        for library, package in _PACKAGES.items():
            if library in reason:
                advice = f"{library} is missing or damaged: apt-get install {package}"
    return f"MXNet can't be loaded: {reason}; {advice}"


with _silent(), warnings.catch_warnings():  # of names that NumPy deprecated; nothing of ours
    warnings.simplefilter("ignore")
    try:
        _load_cuda()
        # MXNet does without them where they are not there; they take longer than all the rest.
        with _without("sklearn", "scipy.stats"):
            import mxnet as mx

        mx.nd.waitall()  # starts the engine
    except Exception as error:  # a module that is not there, or a library's own error
        raise ImportError(_refusal(error)) from error

# Its test for SciPy matrices asks a deprecated name, with a warning for every new array.
mx.nd.utils.spsp = None

__all__ = ["mx"]
