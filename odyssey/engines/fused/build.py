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
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odyssey.engines.fused.compiler import Compiler, find_compiler
from odyssey.engines.fused.instructions import (
    INSTRUCTION_SETS,
    KernelError,
    buildable_sets,
    chosen_sets,
)
from odyssey.engines.switches import switches
from odyssey.networks.cells import Cell, has_kernels
from odyssey.storage.files import replacing

# Never -ffast-math: NaN and inf must pass through, and linking with it flushes denormal numbers to
# zero in the whole process.
_FLAGS = (
    *("-std=c++17", "-O2", "-fPIC", "-Wno-psabi"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
)
_SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Library:
    """A built library: its folder, and the switches of the variants it carries."""

    folder: Path
    switches: frozenset[int]

    @property
    def key(self) -> str:
        """What the names of its operators end in."""
        return self.folder.name

    def path(self, instruction_set: str) -> Path:
        """Return the shared object for an instruction set."""
        return self.folder / f"{instruction_set}.so"

    @property
    def left_out(self) -> dict[str, str]:
        """The instruction sets that its compiler could not build, each with the reason."""
        return dict(_manifest(self.folder).get("left_out", {}))

    def description(self) -> dict[str, object]:
        """Return what it is made of, as plain data."""
        built = sorted(path.stem for path in self.folder.glob("*.so"))
        found = {"folder": str(self.folder), "instruction_sets": built, **_manifest(self.folder)}
        return {name: value for name, value in found.items() if value != {}}

    def declare(self, path: Path) -> None:
        """Write the description to a JSON file."""
        _write(path, json.dumps(self.description(), indent=2) + "\n")


def cache_folder() -> Path:
    """Return where libraries are kept."""
    override = os.environ.get("ODYSSEY_KERNELS")
    return Path(override) if override else _SOURCES.parents[2] / "build" / "kernels"


def build(
    variants: Iterable[Cell], instruction_sets: Iterable[str] | None = None, here: bool = False
) -> Library:
    """Build the variants' library for the given instruction sets, all by default; return it.

    One of more variants will do, if it is there.
    ``here`` builds the one that this processor will use, in a third of the time. Cells that the
    kernels don't know are left out: Gluon trains them.
    Of all sets those are left out that the compiler does not know. Where there is no compiler, or
    no place to write, a library that is complete will do. Raises KernelError.
    """
    rows = _known(variants)
    wanted = list(instruction_sets or (chosen_sets() if here else buildable_sets()))
    if unknown := set(wanted) - set(buildable_sets()):
        raise KernelError(
            f"no instruction set {unknown.pop()!r} here: choose from {', '.join(buildable_sets())}"
        )
    try:
        return _build(find_compiler(), rows, wanted, instruction_sets is not None, here)
    except (KernelError, OSError) as error:
        for library in _libraries():
            if library.switches >= rows and not _lacking(library, wanted, here):
                return library
        if isinstance(error, OSError):
            raise KernelError(
                f"the fused kernels can't be written to {cache_folder()}: {error.strerror}; make "
                "room there, or name another folder in ODYSSEY_KERNELS"
            ) from error
        raise


def _build(
    compiler: Compiler, rows: frozenset[int], wanted: list[str], choosy: bool, here: bool
) -> Library:
    sources = source_key()  # of before: who edits them meanwhile gets another library
    key = _digest(sources, compiler.version, *map(str, sorted(rows)))
    library = Library(cache_folder() / key, rows)
    for found in (library, *_larger(rows, compiler)):
        if not _lacking(found, wanted, here) and not (choosy and set(wanted) & set(found.left_out)):
            return found
    compiler.check()
    refused = {name: reason for name in wanted if (reason := compiler.refusal(name))}
    if refused and (choosy or len(refused) == len(wanted)):
        raise KernelError(next(iter(refused.values())))
    known = [name for name in wanted if name not in refused]
    with _lock(cache_folder()):
        missing = [name for name in (known[:1] if here else known) if not _is_whole(library, name)]
        if missing:
            _compile(compiler, library, missing)
        left_out = {k: v for k, v in library.left_out.items() if not _is_whole(library, k)}
        manifest = {
            "sources": sources,
            "compiler": compiler.version,
            "switches": sorted(rows),
            "left_out": left_out | refused,
        }
        if manifest != _manifest(library.folder):
            _write(library.folder / "library.json", json.dumps(manifest))
    return library


def _larger(rows: frozenset[int], compiler: Compiler) -> Iterator[Library]:
    """Yield this compiler's libraries of more variants."""
    for library in _libraries():
        if library.switches > rows and _manifest(library.folder)["compiler"] == compiler.version:
            yield library


def is_outdated(declared: Path, variants: Iterable[Cell]) -> bool:
    """Return whether a file of ``Library.declare`` is of other sources or lacks a variant."""
    rows = _known(variants)
    found = _read(declared)
    return found.get("sources") != source_key() or not rows <= set(found.get("switches", ()))


def is_missing(variants: Iterable[Cell], here: bool = False) -> bool:
    """Return whether a variant lacks an instruction set that the compiler has not refused.

    ``here`` asks only whether this processor finds one to use. Raises KernelError.
    """
    known = list(filter(has_kernels, variants))
    if here:
        return any(available(variant) is None for variant in known)
    refused = {name for library in _libraries() for name in library.left_out}
    sets = set(buildable_sets()) - refused or set(buildable_sets())
    return any(find(variant, name) is None for variant in known for name in sets)


def _known(variants: Iterable[Cell]) -> frozenset[int]:
    return frozenset(map(switches, filter(has_kernels, variants)))


def available(variant: Cell) -> tuple[Library, str] | None:
    """Return the library and instruction set to use here, unless it has yet to be built.

    It is the best set that the processor has and no compiler has refused. Raises KernelError.
    """
    for name in chosen_sets():
        if library := find(variant, name):
            return library, name
        if not any(name in library.left_out for library in _libraries()):
            return None
    return None


def find(variant: Cell, instruction_set: str) -> Library | None:
    """Return the newest built library of these sources for a variant and instruction set, if any.

    The compiler is left out of the comparison: a node of a cluster need not have one.
    """
    for library in _libraries():
        if switches(variant) in library.switches and _is_whole(library, instruction_set):
            return library
    return None


def _libraries() -> Iterator[Library]:
    """Yield the libraries of these sources, the newest first."""
    found, sources = [], source_key()
    for path in cache_folder().glob("*/library.json"):
        manifest = _manifest(path.parent)
        if manifest.get("sources") == sources:
            library = Library(path.parent, frozenset(manifest["switches"]))
            found.append((path.stat().st_mtime, library))
    yield from (library for _, library in sorted(found, key=lambda row: row[0], reverse=True))


def _lacking(library: Library, wanted: Iterable[str], here: bool) -> list[str]:
    """Return the sets that a library should have and has not; ``here``, of the best one alone."""
    left_out = library.left_out
    known = [name for name in wanted if name not in left_out]
    if not _manifest(library.folder) or not known:
        return list(wanted)
    return [name for name in (known[:1] if here else known) if not _is_whole(library, name)]


def _compile(compiler: Compiler, library: Library, names: list[str]) -> None:
    listed = " ".join(f"ROW({row}u)" for row in sorted(library.switches))
    defined = (f"-DODYSSEY_ROWS(ROW)={listed}", f'-DODYSSEY_KEY="{library.key}"')
    mxnet = _mxnet_folder()
    shared = (*_flags(), "-isystem", str(mxnet / "include"))
    sources = sorted(_SOURCES.glob("*.cc"))
    library.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.folder, prefix=".build-") as scratch:
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
            list(pool.map(lambda command: compiler.run(*command, scratch=scratch), commands))
        for name in names:
            draft = Path(scratch, f"{name}.so")
            parts = (*_extra_flags(), "-shared", *objects[name], glue)
            compiler.run(*parts, "-o", str(draft), scratch=scratch)
            with replacing(library.path(name)) as path:
                path.write_bytes(_sealed(draft.read_bytes()))


def _sealed(content: bytes) -> bytes:
    """Return a library with its digest at its end, where the loader does not look."""
    return content + hashlib.sha256(content).digest()


def _is_whole(library: Library, instruction_set: str) -> bool:
    """Return whether a shared object is there, and as it was written."""
    try:
        content = library.path(instruction_set).read_bytes()
    except OSError:
        return False
    return content == _sealed(content[: -hashlib.sha256().digest_size])


def source_key() -> str:
    """Return the fingerprint of the kernels' sources and MXNet's version."""
    files = sorted([*_SOURCES.glob("*.h"), *_SOURCES.glob("*.cc"), _SOURCES.parent / "variant.h"])
    flags = map(str, (*_flags(), *INSTRUCTION_SETS.items()))
    texts = (path.read_text(encoding="utf-8") for path in files)
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


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one build at a time write to a folder.

    Some file systems have no locks: two builds at once then compile twice, and each file is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as handle:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _manifest(folder: Path) -> dict[str, Any]:
    return _read(folder / "library.json")


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file; an empty one if there is none, or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
