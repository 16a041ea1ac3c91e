"""Functions compiled with numba, whose cache may be missing, read-only, full or damaged.

numba 0.68 refuses to compile where it finds no folder for its cache, and fails on a cache file that
was cut by a kill. Here each file ends in a digest of itself; one that does not is compiled anew and
replaced. Where nothing can be stored the functions are compiled in every process: some 15 seconds.
"""

import hashlib
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching
from numba.extending import register_jitable

Function = TypeVar("Function", bound=Callable[..., Any])
_SOURCES = tuple(sorted(map(str, Path(__file__).parent.glob("*.py"))))
_log = logging.getLogger(__name__)


def compiled(function: Function, reorder: bool = False) -> Function:
    """Compile a function with numba, once per machine; ``reorder`` lets sums run in any order.

    Divisions by zero are infinite or NaN, as in NumPy: a check of each would cost more than it.
    """
    relaxed = {"reassoc", "contract", "nnan", "nsz"} if reorder else set()
    dispatcher: Any = numba.njit(nogil=True, fastmath=relaxed, error_model="numpy")(function)
    if dispatcher is not function:  # it is under NUMBA_DISABLE_JIT
        try:
            dispatcher._cache = Cache(function)
        except Exception as error:  # numba's way to say that no folder can be written
            _log.info("compiled functions are not stored: %s", error)
    return cast(Function, dispatcher)


def inlined(function: Function) -> Function:
    """Compile a function into each compiled one that calls it, for loops in which calls count."""
    return register_jitable(inline="always")(function)


def cache_folder(function: Any) -> Path | None:
    """Return where the machine code of a compiled function is stored; None if it is not."""
    path = getattr(getattr(function, "_cache", None), "cache_path", None)
    return Path(path) if path else None


class Cache(caching.FunctionCache):
    """numba's cache of one function, whose troubles cost a compilation and nothing else."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._cache_file._source_stamp, _sources()
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the stored code for a signature; None if there is none that is whole."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            _log.info("compiling anew: %s", error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store the code for a signature, where that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _log.info("compiled functions are not stored: %s", error)


class _Files(caching.IndexDataCacheFile):
    """An index and its data files, each ending in its digest, which the unpickler does not read."""

    def _dump(self, obj: Any) -> bytes:
        body: bytes = super()._dump(obj)
        return body + _digest(body)

    def _load_index(self) -> Any:
        head = pickle.dumps(self._version, protocol=-1)
        return super()._load_index() if _is_whole(self._index_path, head) else {}

    def _load_data(self, name: str) -> Any:
        path = self._data_path(name)
        if not _is_whole(path):
            raise OSError(f"{path} is damaged")  # which numba reads as: not there
        return super()._load_data(name)


def _sources() -> str:
    """Return the digest of all sources of this folder.

    A function is compiled with those of other files inside it; numba looks at its own file alone.
    """
    return _digest(b"\0".join(Path(path).read_bytes() for path in _SOURCES)).hex()


def _is_whole(path: str, head: bytes = b"") -> bool:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    body = content.removeprefix(head)[:-_SIZE]
    return content.startswith(head) and content.endswith(_digest(body)) and len(body) > 0


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


_SIZE = len(_digest(b""))
