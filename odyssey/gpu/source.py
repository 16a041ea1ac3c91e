"""The CUDA kernels as a source for NVRTC: one text for every variant, its switches a macro."""

from pathlib import Path

from odyssey.kernels.build import switches
from odyssey.spec import Loss
from odyssey.variants import LSTMVariant

FOLDER = Path(__file__).parents[1] / "kernels" / "cuda"
SOURCE = '#include "step.cu"\n'
THREADS = 256
#: What every kernel takes, in the words of ``mx.rtc``, which could launch them as well.
SIGNATURE = "const int64_t *table, int first, int inputs, int outputs, int directions, int *order"
#: Later devices get PTX for this capability: the latest that NVRTC 11.8 knows.
LATEST = (9, 0)
#: The widest layer that the recurrent kernels know.
MOST_HIDDEN = 1024
FORWARD = ("prepare", "input", "forward", "output")
BACKWARD = ("output_backward", "backward", "descend")
LOSSES: tuple[Loss, ...] = ("softmax", "bernoulli", "ctc")


def options(variant: LSTMVariant, capability: tuple[int, int]) -> tuple[str, ...]:
    """Return NVRTC's options for a variant on devices of a compute capability."""
    major, minor = min(capability, LATEST)
    return (
        f"--gpu-architecture=compute_{major}{minor}",
        "--std=c++17",
        f"-I{FOLDER}",
        f"-DODYSSEY_SWITCHES={switches(variant)}u",
    )
