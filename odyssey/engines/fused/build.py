"""Builds the operator library: one shared object per instruction set, ahead of the jobs.

A library is identified by its sources, MXNet's version, the compiler and the variants it carries.
Building what is there already does nothing; two builds at once wait for each other, and each file
appears by a rename.
Only the standard library is imported here: Snakemake files and scripts may use it.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from odyssey.engines.fused.compiler import Compiler, find_compiler
from odyssey.engines.fused.instructions import (
    INSTRUCTION_SETS,
    KernelError,
    buildable_sets,
    chosen_sets,
)
from odyssey.engines.fused.library import (
    Library,
    available,
    cache_folder,
    find,
    libraries,
    rows_of,
)
from odyssey.engines.fused.sources import (
    SOURCES,
    compiler_flags,
    digest,
    extra_flags,
    mxnet_folder,
    source_key,
)
from odyssey.networks.cells import Cell, has_kernels


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
    rows = rows_of(variants)
    wanted = list(instruction_sets or (chosen_sets() if here else buildable_sets()))
    if unknown := set(wanted) - set(buildable_sets()):
        raise KernelError(
            f"no instruction set {unknown.pop()!r} here: choose from {', '.join(buildable_sets())}"
        )
    try:
        return _build(find_compiler(), rows, wanted, instruction_sets is not None, here)
    except (KernelError, OSError) as error:
        for library in libraries():
            if library.switches >= rows and not library.lacking(wanted, here):
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
    key = digest(sources, compiler.version, *map(str, sorted(rows)))
    library = Library(cache_folder() / key, rows)
    for found in (library, *_larger(rows, compiler)):
        if not found.lacking(wanted, here) and not (choosy and set(wanted) & set(found.left_out)):
            return found
    compiler.check()
    refused = {name: reason for name in wanted if (reason := compiler.refusal(name))}
    if refused and (choosy or len(refused) == len(wanted)):
        raise KernelError(next(iter(refused.values())))
    known = [name for name in wanted if name not in refused]
    with _lock(cache_folder()):
        missing = [name for name in (known[:1] if here else known) if not library.holds(name)]
        if missing:
            _compile(compiler, library, missing)
        left_out = {k: v for k, v in library.left_out.items() if not library.holds(k)}
        library.describe(
            {
                "sources": sources,
                "compiler": compiler.version,
                "switches": sorted(rows),
                "left_out": left_out | refused,
            }
        )
    return library


def _larger(rows: frozenset[int], compiler: Compiler) -> Iterator[Library]:
    """Yield this compiler's libraries of more variants."""
    for library in libraries():
        if library.switches > rows and library.manifest["compiler"] == compiler.version:
            yield library


def is_missing(variants: Iterable[Cell], here: bool = False) -> bool:
    """Return whether a variant lacks an instruction set that the compiler has not refused.

    ``here`` asks only whether this processor finds one to use. Raises KernelError.
    """
    known = list(filter(has_kernels, variants))
    if here:
        return any(available(variant) is None for variant in known)
    refused = {name for library in libraries() for name in library.left_out}
    sets = set(buildable_sets()) - refused or set(buildable_sets())
    return any(find(variant, name) is None for variant in known for name in sets)


def _compile(compiler: Compiler, library: Library, names: list[str]) -> None:
    listed = " ".join(f"ROW({row}u)" for row in sorted(library.switches))
    defined = (f"-DODYSSEY_ROWS(ROW)={listed}", f'-DODYSSEY_KEY="{library.key}"')
    mxnet = mxnet_folder()
    shared = (*compiler_flags(), "-isystem", str(mxnet / "include"))
    sources = sorted(SOURCES.glob("*.cc"))
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
            parts = (*extra_flags(), "-shared", *objects[name], glue)
            compiler.run(*parts, "-o", str(draft), scratch=scratch)
            library.add(name, draft.read_bytes())


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
