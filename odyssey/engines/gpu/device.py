"""What can run on the GPUs of this machine, and why the rest can't."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from odyssey.engines.gpu import nvrtc
from odyssey.engines.gpu.driver import Driver, DriverLauncher, GpuError
from odyssey.engines.gpu.fleet import Fleet
from odyssey.engines.gpu.source import LATEST
from odyssey.networks.cells import Cell
from odyssey.networks.spec import Kernels, NetworkSpec
from odyssey.networks.variants import VANILLA

#: Our kernels are compiled for the device at hand; later generations make their own code from PTX.
LEAST_FUSED = (7, 0)
#: MXNet's wheels hold machine code for 5.0, 6.0, 7.0, 8.0 and 8.6, which later devices of the same
#: generation run, and no PTX from which the driver could make code for others.
LEAST_GLUON, BEYOND_GLUON = (5, 0), (9, 0)
_founding = threading.Lock()


@dataclass(frozen=True)
class Device:
    """One GPU as the driver describes it; ``driver`` is the CUDA version that it supports."""

    name: str
    capability: tuple[int, int]
    processors: int
    memory: int  # bytes
    shared: int  # bytes, of a block
    driver: tuple[int, int]

    def __str__(self) -> str:
        return (
            f"{self.name}, compute capability {_dotted(self.capability)}, "
            f"{self.processors} multiprocessors, {self.memory / 2**30:.0f} GiB, "
            f"{self.shared // 1024} KiB of shared memory a block, "
            f"driver for CUDA {_dotted(self.driver)}"
        )

    def refusal(self, kernels: Kernels) -> str:
        """Return why ``kernels`` can't run here; nothing if they can."""
        have = f"{self.name} has {_dotted(self.capability)}"
        if kernels == "gluon":
            if LEAST_GLUON <= self.capability < BEYOND_GLUON:
                return _mxnet_lacks_cuda()
            return f"MXNet 1.9.1 has kernels for compute capability 5.0 to 8.9 only, {have}"
        if self.capability < LEAST_FUSED:
            return f"our CUDA kernels need compute capability 7.0 or later, {have}"
        try:
            needed = nvrtc.version()
        except nvrtc.CompileError as error:
            return str(error)
        if self.driver < needed:
            return f"NVRTC {_dotted(needed)} needs a driver for that CUDA or a later one: update it"
        return ""


def devices(driver: Driver | None = None) -> list[Device]:
    """Return the GPUs that processes here may use. Raises GpuError where there is no driver."""
    cuda = driver or Driver()
    return [_described(cuda, number) for number in range(cuda.count())]


def require(kernels: Kernels, driver: Driver | None = None) -> Device:
    """Return the first GPU if ``kernels`` can run on it; else raise GpuError, which says why."""
    found = devices(driver)
    if not found:
        raise GpuError("no GPU is given to this job: ask for one, as profiles/slurm shows")
    if reason := found[0].refusal(kernels):
        raise GpuError(f"{reason}; or set the task's device to cpu")
    return found[0]


def report(driver: Driver | None = None) -> Iterator[str]:
    """Yield what there is and what can run on it, a line each."""
    try:
        found = devices(driver)
        if not found:
            yield "no GPU that this process may use: CUDA_VISIBLE_DEVICES, or the job, gives none"
    except GpuError as error:
        found = []
        yield f"no GPU: {error}"
    kinds: tuple[tuple[Kernels, str], ...] = (("fused", "our kernels"), ("gluon", "Gluon"))
    for number, device in enumerate(found):
        yield f"GPU {number}: {device}"
        for kernels, what in kinds:
            yield f"  kernels: {kernels} ({what}): {device.refusal(kernels) or 'will run'}"
    try:
        wanted = (found[0].capability, found[0].shared) if found else (LATEST,)
        nvrtc.compile_ptx(VANILLA, *wanted)
        yield f"NVRTC {_dotted(nvrtc.version())}: our kernels compile"
    except nvrtc.CompileError as error:
        yield f"NVRTC: {error}"


def fleet_of(spec: NetworkSpec) -> Fleet:
    """Return this process's fleet for networks of a kind, on its first GPU. Raises GpuError."""
    with _founding:
        return _fleet(spec.variant, spec.inputs, spec.outputs, spec.bidirectional, spec.loss)


@cache
def _fleet(variant: Cell, *_shape: object) -> Fleet:
    return new_fleet(variant, Driver())


def new_fleet(variant: Cell, driver: Driver) -> Fleet:
    """Return a fleet on the first GPU, its kernels compiled for just that. Raises GpuError."""
    device = require("fused", driver)
    try:
        image = nvrtc.compile_ptx(variant, device.capability, device.shared)
    except nvrtc.CompileError as error:
        raise GpuError(str(error)) from error
    return Fleet(DriverLauncher(driver, image))


def _described(driver: Driver, number: int) -> Device:
    return Device(
        driver.name(number),
        driver.capability(number),
        driver.processors(number),
        driver.memory(number),
        driver.shared(number),
        driver.version(),
    )


def _mxnet_lacks_cuda() -> str:
    try:
        from odyssey.engines.mx import mx
    except ImportError as error:
        return str(error)
    knows = mx.runtime.Features().is_enabled("CUDA")
    return "" if knows else "this MXNet is for CPUs: `make gpu-env`"


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
