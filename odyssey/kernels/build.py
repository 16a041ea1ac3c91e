"""Builds the operator library: one shared object per instruction set, ahead of the jobs.

A library is identified by its sources, MXNet's version, the compiler and the variants it carries;
it lives in ``build/kernels`` of the checkout, or where ODYSSEY_KERNELS says. ODYSSEY_CXXFLAGS adds
compiler flags, for sanitizers. Building what is there
already does nothing; two builds at once wait for each other, and each file appears by a rename.
Only the standard library is imported here: Snakemake files and scripts may use it.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from odyssey.variants import LSTMVariant

#: Compiler flags that select an instruction set, best first. ``portable`` is what every processor
#: of the kind has: SSE2 on x86-64, NEON on aarch64.
INSTRUCTION_SETS = {
    "avx512": ("-march=x86-64-v4", "-mprefer-vector-width=512"),
    "avx2": ("-march=x86-64-v3",),
    "portable": (),
}
_NEEDED = {
    "avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "avx2": {"avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "portable": set[str](),
}
# Never -ffast-math: NaN and inf must pass through, and linking with it flushes denormal numbers to
# zero in the whole process.
_FLAGS = (
    *("-std=c++17", "-O2", "-fPIC", "-Wno-psabi"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
)
_SOURCES = Path(__file__).parent


class KernelError(Exception):
    """The operator library can't be built or loaded; the message is one line."""


@dataclass(frozen=True)
class Library:
    """A built library: its folder, and the switches of the variants it carries."""

    folder: Path
    switches: frozenset[int]

    @property
    def key(self) -> str:
        """What the names of its operators end in."""
        return self.folder.name

    def description(self) -> dict[str, object]:
        """Return what it is made of, as plain data."""
        built = sorted(path.stem for path in self.folder.glob("*.so"))
        manifest: dict[str, object] = json.loads((self.folder / "library.json").read_text())
        return {"folder": str(self.folder), "instruction_sets": built, **manifest}

    def declare(self, path: Path) -> None:
        """Write the description to a JSON file."""
        path.write_text(json.dumps(self.description(), indent=2) + "\n")


def switches(variant: LSTMVariant) -> int:
    """Return a variant's switches as the bits of ``Variant`` in variant.h."""
    row = (
        variant.input_gate,
        variant.forget_gate,
        variant.output_gate,
        variant.input_activation,
        variant.output_activation,
        variant.coupled_gates,
        variant.peepholes,
        variant.gate_recurrence,
    )
    return sum(1 << bit for bit, on in enumerate(row) if on)


def cache_folder() -> Path:
    """Return where libraries are kept."""
    override = os.environ.get("ODYSSEY_KERNELS")
    return Path(override) if override else _SOURCES.parents[1] / "build" / "kernels"


def supported_sets() -> tuple[str, ...]:
    """Return the instruction sets that this processor has, best first."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ("portable",)
    flags = set(_cpu_flags())
    return tuple(name for name in INSTRUCTION_SETS if flags >= _NEEDED[name])


def buildable_sets() -> tuple[str, ...]:
    """Return the instruction sets that can be compiled for this kind of processor."""
    return tuple(INSTRUCTION_SETS) if platform.machine() in ("x86_64", "AMD64") else ("portable",)


def build(
    variants: Iterable[LSTMVariant], instruction_sets: Iterable[str] | None = None
) -> Library:
    """Build the variants' library for the given instruction sets, all by default; return it.

    Raises KernelError if there is no compiler or it fails.
    """
    rows = sorted({switches(variant) for variant in variants})
    compiler = _compiler()
    version = _run(compiler, "--version").partition("\n")[0]
    key = _digest(source_key(), version, *map(str, rows))
    folder = cache_folder() / key
    wanted = list(instruction_sets or buildable_sets())
    if unknown := set(wanted) - set(buildable_sets()):
        raise KernelError(
            f"no instruction set {unknown.pop()!r} here: choose from {', '.join(buildable_sets())}"
        )
    with _lock(cache_folder()):
        missing = [name for name in wanted if not (folder / f"{name}.so").exists()]
        if missing:
            _compile(compiler, folder, missing, rows)
        manifest = {"sources": source_key(), "compiler": version, "switches": rows}
        _write(folder / "library.json", json.dumps(manifest).encode())
    return Library(folder, frozenset(rows))


def is_outdated(declared: Path, variants: Iterable[LSTMVariant]) -> bool:
    """Return whether a file of ``Library.declare`` is of other sources or lacks a variant."""
    found = json.loads(declared.read_text())
    lacking = {switches(variant) for variant in variants} - set(found["switches"])
    return bool(lacking) or found["sources"] != source_key()


def find(variant: LSTMVariant, instruction_set: str) -> Library | None:
    """Return the newest built library of these sources for a variant and instruction set, if any.

    The compiler is left out of the comparison: a node of a cluster need not have one.
    """
    manifests = sorted(
        cache_folder().glob("*/library.json"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    for path in manifests:
        manifest, library = json.loads(path.read_text()), path.with_name(f"{instruction_set}.so")
        same = manifest["sources"] == source_key() and switches(variant) in manifest["switches"]
        if same and library.exists():
            return Library(path.parent, frozenset(manifest["switches"]))
    return None


def _compiler() -> str:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if not compiler or not shutil.which(compiler):
        raise KernelError(
            "building the fused kernels needs a C++17 compiler, found none: install g++, set CXX, "
            "or choose `kernels: gluon` in config.yaml (slow, same numbers)"
        )
    return compiler


def _compile(compiler: str, folder: Path, names: list[str], rows: list[int]) -> None:
    listed = " ".join(f"ROW({row}u)" for row in rows)
    defined = (f"-DODYSSEY_ROWS(ROW)={listed}", f'-DODYSSEY_KEY="{folder.name}"')
    mxnet = _mxnet_folder()
    shared = (compiler, *_flags(), "-isystem", str(mxnet / "include"))
    sources = sorted(_SOURCES.glob("*.cc"))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch:
        glue = f"{scratch}/lib_api.o"
        commands: list[tuple[str, ...]] = [
            (*shared, "-c", str(mxnet / "src" / "lib_api.cc"), "-o", glue)
        ]
        objects = {name: [f"{scratch}/{name}-{path.stem}.o" for path in sources] for name in names}
        for name in names:
            for source, target in zip(sources, objects[name], strict=True):
                flags = (*INSTRUCTION_SETS[name], *defined)
                commands.append((*shared, *flags, "-c", str(source), "-o", target))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(lambda command: _run(*command), commands))
        for name in names:
            library = Path(scratch, f"{name}.so")
            _run(compiler, *_extra_flags(), "-shared", *objects[name], glue, "-o", str(library))
            library.replace(folder / library.name)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise KernelError(f"{command[0]} could not build the fused kernels: {reason}")
    return done.stdout


def source_key() -> str:
    """Return the fingerprint of the kernels' sources and MXNet's version."""
    files = sorted([*_SOURCES.glob("*.h"), *_SOURCES.glob("*.cc")])
    flags = map(str, (*_flags(), *INSTRUCTION_SETS.items()))
    texts = (path.read_text() for path in files)
    return _digest(_mxnet_version(), *flags, *texts)


def _mxnet_version() -> str:
    """Return the version of MXNet's package; the wheels for GPUs have names of their own."""
    for name in ("mxnet", "mxnet-cu112", "mxnet-cu117"):
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    raise KernelError("the fused kernels are built against MXNet, which is not installed")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _flags() -> tuple[str, ...]:
    return (*_FLAGS, *_extra_flags())


def _extra_flags() -> tuple[str, ...]:
    return tuple(os.environ.get("ODYSSEY_CXXFLAGS", "").split())


def _mxnet_folder() -> Path:
    found = importlib.util.find_spec("mxnet")
    if found is None or not found.submodule_search_locations:
        raise KernelError("the fused kernels are built against MXNet, which is not installed")
    return Path(found.submodule_search_locations[0])


def _cpu_flags() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            yield from line.partition(":")[2].split()
            return


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as handle:
        handle.write(content)
    Path(handle.name).chmod(0o644)
    Path(handle.name).replace(path)
