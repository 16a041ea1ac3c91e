"""The libraries that are built: where they lie, what each carries, which one to use.

A library is a folder of ``build/kernels`` in the checkout, or of where ODYSSEY_KERNELS says: one
shared object per instruction set, and library.json, which says what they are made of.
Only the standard library is imported here: Snakemake files and scripts may use it.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odyssey.engines.fused.instructions import chosen_sets
from odyssey.engines.fused.sources import SOURCES, source_key
from odyssey.engines.switches import switches
from odyssey.networks.cells import Cell, has_kernels
from odyssey.storage.files import replacing


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

    def holds(self, instruction_set: str) -> bool:
        """Return whether a shared object is there, and as it was written."""
        try:
            content = self.path(instruction_set).read_bytes()
        except OSError:
            return False
        return content == sealed(content[: -hashlib.sha256().digest_size])

    def lacking(self, wanted: Iterable[str], here: bool) -> list[str]:
        """Return the sets that it should have and has not; ``here``, of the best one alone."""
        left_out = self.left_out
        known = [name for name in wanted if name not in left_out]
        if not self.manifest or not known:
            return list(wanted)
        return [name for name in (known[:1] if here else known) if not self.holds(name)]

    @property
    def manifest(self) -> dict[str, Any]:
        """What it is made of; empty if it never was complete."""
        return _manifest(self.folder / "library.json")

    @property
    def left_out(self) -> dict[str, str]:
        """The instruction sets that its compiler could not build, each with the reason."""
        return dict(self.manifest.get("left_out", {}))

    def add(self, instruction_set: str, content: bytes) -> None:
        """Write a shared object, whole or not at all."""
        with replacing(self.path(instruction_set)) as draft:
            draft.write_bytes(sealed(content))

    def describe(self, manifest: Mapping[str, Any]) -> None:
        """Write down what it is made of, unless it says so already."""
        if manifest != self.manifest:
            _write(self.folder / "library.json", json.dumps(manifest))

    def description(self) -> dict[str, object]:
        """Return what it is made of and where it lies, as plain data."""
        built = sorted(path.stem for path in self.folder.glob("*.so"))
        found = {"folder": str(self.folder), "instruction_sets": built, **self.manifest}
        return {name: value for name, value in found.items() if value != {}}

    def declare(self, path: Path) -> None:
        """Write the description to a JSON file."""
        _write(path, json.dumps(self.description(), indent=2) + "\n")


def cache_folder() -> Path:
    """Return where libraries are kept."""
    override = os.environ.get("ODYSSEY_KERNELS")
    return Path(override) if override else SOURCES.parents[2] / "build" / "kernels"


def libraries() -> Iterator[Library]:
    """Yield the libraries of these sources, the newest first. Raises KernelError."""
    found, sources = [], source_key()
    for path in cache_folder().glob("*/library.json"):
        manifest = _manifest(path)
        if manifest.get("sources") == sources:
            library = Library(path.parent, frozenset(manifest["switches"]))
            found.append((path.stat().st_mtime, library))
    yield from (library for _, library in sorted(found, key=lambda row: row[0], reverse=True))


def available(variant: Cell) -> tuple[Library, str] | None:
    """Return the library and instruction set to use here, unless it has yet to be built.

    It is the best set that the processor has and no compiler has refused. Raises KernelError.
    """
    for name in chosen_sets():
        if library := find(variant, name):
            return library, name
        if not any(name in library.left_out for library in libraries()):
            return None
    return None


def find(variant: Cell, instruction_set: str) -> Library | None:
    """Return the newest built library of these sources for a variant and instruction set, if any.

    The compiler is left out of the comparison: a node of a cluster need not have one.
    """
    for library in libraries():
        if switches(variant) in library.switches and library.holds(instruction_set):
            return library
    return None


def is_outdated(declared: Path, variants: Iterable[Cell]) -> bool:
    """Return whether a file of ``Library.declare`` is of other sources or lacks a variant."""
    rows = rows_of(variants)
    found = _read(declared)
    return found.get("sources") != source_key() or not rows <= set(found.get("switches", ()))


def rows_of(variants: Iterable[Cell]) -> frozenset[int]:
    """Return the switches of those cells that the kernels know."""
    return frozenset(map(switches, filter(has_kernels, variants)))


def sealed(content: bytes) -> bytes:
    """Return a shared object with its digest at its end, where the loader does not look."""
    return content + hashlib.sha256(content).digest()


def _manifest(path: Path) -> dict[str, Any]:
    found = _read(path)
    return found if {"sources", "switches", "compiler"} <= found.keys() else {}


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
