"""Folders of a corpus as they lie on people's disks, and fingerprints of what was read there.

Standard library only. Names are compared without case. What desktops and archives leave behind
(``._x``, ``.DS_Store``, ``Thumbs.db``, ``__MACOSX``) does not count.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"})


def is_litter(name: str) -> bool:
    """Return whether a file or folder of this name is no part of a corpus."""
    return name.startswith(".") or name.lower() in _LITTER


def entries_of(folder: Path) -> Iterator[Path]:
    """Yield what a folder holds, by name; nothing if it is none or closed."""
    try:
        yield from sorted(entry for entry in folder.iterdir() if not is_litter(entry.name))
    except OSError:
        return


def walk(folder: Path) -> list[Path]:
    """Return all files below a folder, in order, links followed; OSError where one is closed."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not is_litter(name))
        found += [Path(place, name) for name in files if not is_litter(name)]
    return sorted(found, key=lambda path: path.parts)


def folders(root: Path, depth: int = 2) -> Iterator[Path]:
    """Yield ``root`` and the folders at most ``depth`` below it, the nearest first."""
    level = [root]
    for k in range(depth + 1):
        yield from level
        if k < depth:
            level = [e for place in level for e in entries_of(place) if e.is_dir()]


def find(root: Path, name: str, folder: bool = False, depth: int = 2) -> Path | None:
    """Return the file (or folder) of that name in the nearest folder, in whatever case."""
    for place in folders(root, depth):
        for entry in entries_of(place):
            if entry.name.lower() == name.lower() and entry.is_dir() == folder:
                return entry
    return None


def inside(root: Path, name: str) -> Path | None:
    """Return ``root/name``, with the case that each part has on the disk; None if it is missing."""
    place: Path | None = root
    for part in Path(name).parts:
        if place is None or (place / part).exists():
            place = place and place / part
        else:
            place = next((e for e in entries_of(place) if e.name.lower() == part.lower()), None)
    return place


def digest(root: Path, name: str) -> str | None:
    """Return the SHA-256 of what ``name`` stands for below ``root``; None if it cannot be read.

    ``folder/*.wav`` stands for the names of all files below the folder that end so, and any other
    name for the content of one file.
    """
    folder, star, suffix = name.rpartition("*")
    try:
        if not star:
            return content_digest(root / name)
        return names_digest(root / folder, ending(walk(root / folder), suffix))
    except OSError:
        return None


def state(path: Path) -> str:
    """Return a hash of names, sizes and times of a file or of all files of a folder.

    It changes whenever a file is repaired, added or removed. Empty where nothing can be seen.
    """
    try:
        files = [path] if path.is_file() else walk(path)
    except OSError:
        return ""
    lines = []
    for file in files:
        with suppress(OSError):  # a link that leads nowhere
            status = file.stat()
            name = file.relative_to(path).as_posix()
            lines.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}")
    return hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest() if lines else ""


def changed(path: Path, before: str, files: Mapping[str, str]) -> bool:
    """Return whether a corpus is another than when it had the state ``before`` and these files.

    ``files`` maps names to the digests of what was read. They are read again only where the state
    is another, as after a copy. What is no longer there can't have changed.
    """
    if state(path) in ("", before):
        return False
    base = path if path.is_dir() else path.parent
    return any(digest(base, name) != known for name, known in files.items())


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def names_digest(folder: Path, paths: Iterable[Path]) -> str:
    """Return the SHA-256 of the names of some files below a folder."""
    names = "\0".join(path.relative_to(folder).as_posix() for path in paths)
    return hashlib.sha256(os.fsencode(names)).hexdigest()


def ending(paths: Iterable[Path], *suffixes: str) -> list[Path]:
    """Return the files whose names end so; suffixes are in lower case."""
    return [path for path in paths if path.name.lower().endswith(suffixes)]
