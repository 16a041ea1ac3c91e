"""NVRTC by ctypes: compiles the kernels to PTX, with or without a device.

MXNet's ``mx.rtc`` does the same when it loads a module; this serves checks ahead of any job.
"""

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.engines.gpu.source import LEAST_SHARED, SOURCE, options
from odyssey.networks.cells import Cell


class CompileError(Exception):
    """NVRTC is missing or refuses the source; the message is one line."""


def compile_ptx(variant: Cell, capability: tuple[int, int], shared: int = LEAST_SHARED) -> str:
    """Return the PTX of all kernels of a variant; see ``options``. Raises CompileError."""
    nvrtc, program = library(), ctypes.c_void_p()
    text = SOURCE.encode()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, b"odyssey.cu", 0, None, None))
    try:
        flags = [option.encode() for option in options(variant, capability, shared)]
        with keeping_locale():
            failed = nvrtc.nvrtcCompileProgram(
                program, len(flags), (ctypes.c_char_p * len(flags))(*flags)
            )
        log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
        if failed or log.strip():
            raise CompileError(
                f"{variant.code} for {capability}: {log.strip().partition(chr(10))[0]}"
            )
        return _text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def version() -> tuple[int, int]:
    """Return NVRTC's own version. Raises CompileError where there is none."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return major.value, minor.value


@contextmanager
def keeping_locale() -> Iterator[None]:
    """Give the thread its locale back, which NVRTC leaves at C: files would be read as ASCII."""
    uselocale = ctypes.CDLL(None).uselocale
    uselocale.restype, uselocale.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = uselocale(None)
    try:
        yield
    finally:
        uselocale(before)


@cache
def library() -> ctypes.CDLL:
    """Return NVRTC: that of the Python package nvidia-cuda-nvrtc, else the system's."""
    found = importlib.util.find_spec("nvidia")
    for folder in found.submodule_search_locations or () if found else ():
        for path in sorted(Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so*")):
            return ctypes.CDLL(str(path))
    name = ctypes.util.find_library("nvrtc")
    if name is None:
        raise CompileError("no NVRTC: pip install nvidia-cuda-nvrtc-cu11==11.8.89")
    return ctypes.CDLL(name)


def _text(size_of: Any, get: Any, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _check(size_of(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(get(program, buffer))
    return buffer.value.decode()


def _check(status: int) -> None:
    if status:
        raise CompileError(f"NVRTC failed with status {status}")
