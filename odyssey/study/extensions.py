"""Extensions: a study's own Python files, which register rows while they are imported.

``extensions: [my_task.py]`` in a study file. Every process that makes a study or one of its trials
imports them, once: jobs, their workers, commands. ``cells: my_cell.py`` is an extension whose cells
the study trains.
"""

import hashlib
import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from odyssey.networks.cells import CELLS
from odyssey.registry import RegistrationError, Registry, registering
from odyssey.storage.paths import expanded


@dataclass(frozen=True)
class _Loaded:
    """A file that was imported, and the codes of the cells that it registered."""

    path: Path
    cells: tuple[str, ...]


#: Files that were imported, by the names of their modules; forgotten with the rows that they added.
_LOADED: Registry[_Loaded] = Registry("extension")
_loading = threading.RLock()


class ExtensionError(ValueError):
    """An extension that can't be imported; the message is one line with file and line."""


def load_extensions(files: Iterable[str]) -> None:
    """Import files that are not imported yet; relative ones count from the working directory.

    Raises ExtensionError; what a file that failed had registered is then forgotten.
    """
    for file in files:
        with _loading:
            _load(file)


def load_cells(files: Iterable[str]) -> list[str]:
    """Import files as ``load_extensions`` does; return the codes of the cells that they register.

    Raises ExtensionError, too, for a file that registers none.
    """
    codes: list[str] = []
    for file in files:
        with _loading:
            loaded = _load(file)
        if not loaded.cells:
            raise ExtensionError(
                f"{file}: must register a cell, registers none: end it with "
                "odyssey.networks.cells.register(MyCell()), or name it under extensions"
            )
        codes += loaded.cells
    return codes


def _load(file: str) -> _Loaded:
    try:
        path = expanded(file).absolute()
        source = path.read_bytes()
    except OSError as error:
        raise ExtensionError(
            f"{file}: can't be read ({error.strerror}): name a Python file, relative to the "
            "study's folder"
        ) from error
    except ValueError as error:
        raise ExtensionError(f"{file}: {error}") from error
    name = f"odyssey_extension_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:12]}"
    if name in _LOADED:
        return _LOADED[name]
    before = set(CELLS)
    try:
        with registering(file):
            _import(name, path, source)
    except (Exception, SystemExit) as error:
        raise ExtensionError(_where(file, path, error)) from error
    return _LOADED.add(name, _Loaded(path, tuple(code for code in CELLS if code not in before)))


def _import(name: str, path: Path, source: bytes) -> None:
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and pickle look for it there
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise


def _where(file: str, path: Path, error: BaseException) -> str:
    """Return what went wrong in one line, with the last line of the file that was in it."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        line = frame.lineno if frame.filename == str(path) else line
    place = f"{file}, line {line}" if line else file
    words = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    kind = "" if isinstance(error, RegistrationError) else f"{type(error).__name__}: "
    return f"{place}: {kind}{words or 'no reason given'}"
