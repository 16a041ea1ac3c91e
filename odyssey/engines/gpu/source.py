"""The CUDA kernels as a source for NVRTC: one text for every variant, its switches a macro."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from odyssey.engines.switches import switches
from odyssey.networks.cells import Cell
from odyssey.networks.variants import lstm_of

FOLDER = Path(__file__).with_name("cuda")
SOURCE = '#include "step.cu"\n'
#: All that it is made of: what is compiled from it is known by these.
FILES = (*sorted(FOLDER.iterdir()), FOLDER.parents[1] / "variant.h")
#: Of every block of every kernel: kThreads of cuda/row.cuh.
THREADS = 256
#: Bytes of shared memory that every device gives a block without being asked, and mx.rtc at most.
LEAST_SHARED = 48 * 1024
#: Later devices get PTX for this capability: the latest that NVRTC 11.8 knows.
LATEST = (9, 0)
FORWARD = ("prepare", "input", "forward", "drop", "output")
BACKWARD = ("output_backward", "drop_backward", "backward", "descend")
#: Those of dropout alone.
DROPOUT = ("drop", "drop_backward")
#: The kernels that keep weights in all the shared memory that there is.
RECURRENT = ("forward", "backward")


@dataclass(frozen=True)
class LossKernel:
    """What a loss's kernel reads: targets of a NumPy type, and whether it needs room for paths."""

    targets: str
    paths: bool = False


#: Name of a loss, which is its kernel's → what that needs. The others are computed in NumPy.
LOSSES: Mapping[str, LossKernel] = MappingProxyType(
    {
        "softmax": LossKernel("int32"),
        "bernoulli": LossKernel("uint8"),
        "ctc": LossKernel("int32", paths=True),
        "squared": LossKernel("float32"),
    }
)


def options(variant: Cell, capability: tuple[int, int], shared: int) -> tuple[str, ...]:
    """Return NVRTC's options for a variant on devices of a compute capability.

    ``shared`` is the bytes of shared memory that a block of a recurrent kernel will be given.
    """
    major, minor = min(capability, LATEST)
    return (
        f"--gpu-architecture=compute_{major}{minor}",
        "--std=c++17",
        f"-I{FOLDER}",
        f"-DODYSSEY_SWITCHES={switches(lstm_of(variant))}u",
        f"-DODYSSEY_SHARED={shared}",
    )
