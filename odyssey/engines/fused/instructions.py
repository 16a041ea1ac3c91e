"""The instruction sets that kernels are compiled for, and those that this processor has."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

#: Compiler option → the processor's flag in /proc/cpuinfo.
_AVX2 = {"avx2": "avx2", "fma": "fma", "bmi": "bmi1", "bmi2": "bmi2"}
_AVX512 = _AVX2 | {f"avx512{part}": f"avx512{part}" for part in ("f", "bw", "cd", "dq", "vl")}
_OPTIONS = {"avx512": _AVX512, "avx2": _AVX2, "portable": dict[str, str]()}
#: Compiler flags of each set, best first. ``portable`` is what every processor of the kind has:
#: SSE2 on x86-64, NEON on aarch64. A flag for each feature: g++ knows -march=x86-64-v3 since 11.
INSTRUCTION_SETS = {
    name: tuple(f"-m{option}" for option in options) for name, options in _OPTIONS.items()
}
INSTRUCTION_SETS["avx512"] += ("-mprefer-vector-width=512",)


class KernelError(Exception):
    """The operator library can't be built or loaded; the message is one line."""


def supported_sets() -> tuple[str, ...]:
    """Return the instruction sets that this processor has, best first."""
    if not _is_x86():
        return ("portable",)
    flags = set(_cpu_flags())
    return tuple(name for name, options in _OPTIONS.items() if flags >= set(options.values()))


def buildable_sets() -> tuple[str, ...]:
    """Return the instruction sets that can be compiled for this kind of processor."""
    return tuple(INSTRUCTION_SETS) if _is_x86() else ("portable",)


def forced_set() -> str | None:
    """Return the set that ODYSSEY_INSTRUCTION_SET names, if any. Raises KernelError."""
    forced = os.environ.get("ODYSSEY_INSTRUCTION_SET")
    if forced and forced not in buildable_sets():
        raise KernelError(
            f"ODYSSEY_INSTRUCTION_SET={forced} is no instruction set: choose from "
            f"{', '.join(buildable_sets())}, or unset it"
        )
    return forced or None


def chosen_sets() -> tuple[str, ...]:
    """Return the sets that kernels here may use, best first: the forced one, or all it has.

    Raises KernelError.
    """
    forced = forced_set()
    if forced and forced not in supported_sets():
        raise KernelError(
            f"ODYSSEY_INSTRUCTION_SET={forced} is not among what this processor has: "
            f"choose from {', '.join(supported_sets())}, or unset it"
        )
    return (forced,) if forced else supported_sets()


def _is_x86() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


def _cpu_flags() -> Iterator[str]:
    """Yield the processor's flags; none where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("flags"):
            yield from line.partition(":")[2].split()
            return
