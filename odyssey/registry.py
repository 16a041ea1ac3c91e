"""Open lists: rows by name, the package's own and those of extensions. Standard library only.

A file named under ``extensions`` in a study registers its rows while it is imported; if that
fails, none of them stays.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Row(Protocol):
    """What has a name in a registry."""

    @property
    def name(self) -> str:
        """What a study calls it."""


T = TypeVar("T", bound=Row)
_PACKAGE = "odyssey itself"
_registries: list["Registry[Row]"] = []
_origins = [_PACKAGE]


class TakenName(ValueError):
    """Two rows of one kind have the same name; the message is one line."""


class Registry(Mapping[str, T]):
    """Rows of one kind by name, in the order in which they were registered."""

    def __init__(self, kind: str, rows: Iterable[T] = ()) -> None:
        self._kind = kind
        self._rows: dict[str, T] = {}
        self._from: dict[str, str] = {}
        _registries.append(self)  # type: ignore[arg-type]
        for row in rows:
            self.register(row)

    def register(self, row: T) -> T:
        """Add a row and return it; TakenName if there is one of its name."""
        if row.name in self._rows:
            raise TakenName(
                f"the {self._kind} {row.name!r} is registered by {self._from[row.name]} already: "
                "give yours another name"
            )
        self._rows[row.name], self._from[row.name] = row, _origins[-1]
        return row

    def find(self, name: str) -> T:
        """Return the row of a name; ValueError with all names if there is none."""
        if name not in self._rows:
            raise ValueError(f"there is no {self._kind} {name!r}: use {', '.join(self._rows)}")
        return self._rows[name]

    def __getitem__(self, name: str) -> T:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@contextmanager
def registering(origin: str) -> Iterator[None]:
    """Note that rows come from ``origin`` for a while; if the body fails, none of them stays."""
    before = [(each, dict(each._rows), dict(each._from)) for each in _registries]
    _origins.append(origin)
    try:
        yield
    except BaseException:
        for each, rows, origins in before:
            each._rows, each._from = rows, origins
        raise
    finally:
        _origins.pop()
