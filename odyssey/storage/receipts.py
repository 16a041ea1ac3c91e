"""Receipts: what files were made of, so that nothing outdated passes for done. Standard library.

Snakemake decides by its metadata, which a copy, a clean-up or another profile loses, and by times
of files, which a copy or a clock changes. A receipt decides by content. It lies with the results,
``.receipts/<name>.json`` beside the first file that a job makes, and holds the SHA-256 of every
file that was read and made, and of the settings and the source code that decided.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.storage.files import replacing

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Making:
    """What a job makes of what: files, ``settings`` of plain JSON types, ``code`` as glob patterns.

    Patterns are relative to the package. ``root`` is the folder that files are named from, so that
    the whole may be moved.
    """

    root: Path
    outputs: tuple[Path, ...]
    inputs: tuple[Path, ...]
    settings: Any = None
    code: tuple[str, ...] = ()

    @contextmanager
    def receipted(self) -> Iterator[None]:
        """Write a receipt once the body has made the outputs of the inputs as they were before."""
        before = self._origin()
        self._path.unlink(missing_ok=True)
        yield
        content = {**before, "outputs": self._digests(self.outputs)}
        with replacing(self._path) as new:
            new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def outdated(self) -> str:
        """Return why the outputs are not what would be made now; empty if they are."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "nothing tells what it was made of"
        if not isinstance(found, dict):
            return "nothing tells what it was made of"
        asked = {**self._origin(), "outputs": self._digests(self.outputs)}
        reasons = (_difference(what, found.get(what), asked[what]) for what in asked)
        return next(filter(None, reasons), "")

    @property
    def _path(self) -> Path:
        first = self.outputs[0]
        return first.parent / ".receipts" / f"{first.name}.json"

    def _origin(self) -> dict[str, Any]:
        return {
            "settings": _hash(json.dumps(self.settings, sort_keys=True).encode()),
            "code": code_digest(self.code),
            "inputs": self._digests(self.inputs),
        }

    def _digests(self, paths: Iterable[Path]) -> dict[str, str]:
        return {os.path.relpath(path, self.root): content_digest(path) for path in paths}


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, or a word for a file that is not there.

    Of files that begin with a line ``odyssey <digest> …`` it is that line.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
            if head.startswith(b"odyssey "):
                return _hash(head)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"


@cache
def code_digest(patterns: tuple[str, ...]) -> str:
    """Return a hash of the package's files that match one of the patterns; each must match some."""
    files: set[Path] = set()
    for pattern in patterns:
        found = {path for path in _PACKAGE.glob(pattern) if path.is_file()}
        if not found:
            raise ValueError(f"{pattern}: must name files of the package, names none")
        files |= {path for path in found if "__pycache__" not in path.parts}
    return _hash(b"\0".join(path.read_bytes() for path in sorted(files)))


def _difference(what: str, found: Any, asked: Any) -> str:
    if found == asked:
        return ""
    if not isinstance(asked, dict) or not isinstance(found, dict):
        return f"made with other {what}"
    names = [name for name in {**asked, **found} if asked.get(name) != found.get(name)]
    return f"{what[:-1]} {names[0]} is another" + (f" and {len(names) - 1} more" * (len(names) > 1))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
