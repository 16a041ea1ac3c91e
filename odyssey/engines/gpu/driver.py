"""The NVIDIA driver by ctypes: what devices there are, and a launcher of kernels on one.

Neither MXNet nor a CUDA toolkit is in it, so it works with the study's ordinary environment, for
every device that the driver knows, and its launches wait for nothing.
"""

import ctypes
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gpu.launcher import Memory, eights
from odyssey.engines.gpu.source import RECURRENT, THREADS

_MAJOR, _MINOR, _PROCESSORS, _CLOCK, _SHARED = 75, 76, 16, 13, 97  # CUdevice_attribute of cuda.h
_MOST_DYNAMIC_SHARED = 8  # CUfunction_attribute


class GpuError(RuntimeError):
    """A GPU can't be had, or can't do what is asked of it; the message is one line."""


class Driver:
    """libcuda.so.1, loaded and initialised. Raises GpuError where there is none."""

    def __init__(self, library: str = "libcuda.so.1") -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise GpuError(f"no NVIDIA driver: {error}") from error
        self("cuInit", 0)

    def __call__(self, function: str, *arguments: Any) -> None:
        """Call a function that returns a status; GpuError with the driver's words if it fails."""
        status = getattr(self._library, function)(*arguments)
        if status:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(status, ctypes.byref(text))
            words = (text.value or b"error %d" % status).decode()
            raise GpuError(f"the NVIDIA driver says in {function}: {words}")

    def number(self, function: str, *arguments: Any) -> int:
        """Return the number that a function writes through its first argument."""
        value = ctypes.c_int()
        self(function, ctypes.byref(value), *arguments)
        return value.value

    def pointer(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        """Return the handle that a function writes through its first argument."""
        value = ctypes.c_void_p()
        self(function, ctypes.byref(value), *arguments)
        return value

    def version(self) -> tuple[int, int]:
        """Return the CUDA version that the driver supports."""
        version = self.number("cuDriverGetVersion")
        return version // 1000, version % 1000 // 10

    def count(self) -> int:
        """Return the number of devices that this process may use."""
        return self.number("cuDeviceGetCount")

    def name(self, device: int) -> str:
        """Return a device's name."""
        name = ctypes.create_string_buffer(256)
        self("cuDeviceGetName", name, len(name), self.number("cuDeviceGet", device))
        return name.value.decode()

    def memory(self, device: int) -> int:
        """Return the bytes that a device has."""
        size = ctypes.c_size_t()
        self("cuDeviceTotalMem_v2", ctypes.byref(size), self.number("cuDeviceGet", device))
        return size.value

    def capability(self, device: int) -> tuple[int, int]:
        """Return a device's compute capability."""
        return self._attribute(_MAJOR, device), self._attribute(_MINOR, device)

    def processors(self, device: int) -> int:
        """Return the number of a device's multiprocessors."""
        return self._attribute(_PROCESSORS, device)

    def shared(self, device: int) -> int:
        """Return the bytes of shared memory that a block may have if its launch asks."""
        return self._attribute(_SHARED, device)

    def clock(self, device: int) -> float:
        """Return a device's highest clock, in cycles a second."""
        return 1e3 * self._attribute(_CLOCK, device)

    def _attribute(self, which: int, device: int) -> int:
        handle = self.number("cuDeviceGet", device)
        return self.number("cuDeviceGetAttribute", which, handle)


class DriverLauncher:
    """A ``Launcher`` on one device, for the kernels of one image: PTX for its shared memory."""

    def __init__(self, driver: Driver, image: str, device: int = 0) -> None:
        self._driver, self._thread = driver, threading.local()
        handle = driver.number("cuDeviceGet", device)
        self._context = driver.pointer("cuDevicePrimaryCtxRetain", handle)
        self._enter()
        self._module = driver.pointer("cuModuleLoadData", image.encode() + b"\0")
        self._shared = driver.shared(device)
        self._functions: dict[str, tuple[ctypes.c_void_p, int]] = {}

    def allocate(self, size: int) -> Memory:
        """Allocate at least ``size`` bytes, freed with the object."""
        self._enter()
        return _DeviceMemory(self._driver, size, self._enter)

    def launch(self, kernel: str, grid: tuple[int, int], table: Memory, *numbers: int) -> None:
        """Start a kernel after those before it."""
        self._enter()
        if kernel not in self._functions:
            self._functions[kernel] = self._function(kernel)
        function, shared = self._functions[kernel]
        values = [ctypes.c_uint64(table.address), *map(ctypes.c_int, numbers), ctypes.c_uint64()]
        parameters = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        shape = (*grid, 1, THREADS, 1, 1)
        self._driver("cuLaunchKernel", function, *shape, shared, None, parameters, None)

    def synchronize(self) -> None:
        """Wait until all is done; GpuError if something failed."""
        self._enter()
        self._driver("cuCtxSynchronize")

    def _function(self, kernel: str) -> tuple[ctypes.c_void_p, int]:
        """Return a kernel's handle and the bytes of shared memory that its launches ask for."""
        name = f"odyssey_{kernel}".encode()
        function = self._driver.pointer("cuModuleGetFunction", self._module, name)
        if kernel not in RECURRENT:
            return function, 0
        self._driver("cuFuncSetAttribute", function, _MOST_DYNAMIC_SHARED, self._shared)
        return function, self._shared

    def _enter(self) -> None:
        """Make the device's context that of the calling thread."""
        if not getattr(self._thread, "entered", False):
            self._driver("cuCtxSetCurrent", self._context)
            self._thread.entered = True


class _DeviceMemory:
    def __init__(self, driver: Driver, size: int, enter: Any) -> None:
        self._driver, self._enter, self.size = driver, enter, eights(size)
        self.address = int(driver.pointer("cuMemAlloc_v2", ctypes.c_size_t(self.size)).value or 0)
        weakref.finalize(self, _free, driver, enter, self.address)

    def write(self, values: NDArray[Any], start: int = 0) -> None:
        flat = np.ascontiguousarray(values)
        self._copy("cuMemcpyHtoD_v2", self.address + start, flat.ctypes.data, flat.nbytes)

    def read(self, size: int, start: int = 0) -> NDArray[np.uint8]:
        values = np.empty(size, np.uint8)
        self._copy("cuMemcpyDtoH_v2", values.ctypes.data, self.address + start, size)
        return values

    def _copy(self, function: str, to: int, source: int, size: int) -> None:
        self._enter()
        places = ctypes.c_uint64(to), ctypes.c_uint64(source)
        self._driver(function, *places, ctypes.c_size_t(size))


def _free(driver: Driver, enter: Any, address: int) -> None:
    enter()
    driver("cuMemFree_v2", ctypes.c_uint64(address))
