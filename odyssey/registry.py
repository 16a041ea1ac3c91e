"""Named rows that an extension can add to: tasks, hyperparameters, losses, cells.

A file named under ``extensions`` in a study registers its rows while it is imported; if that
fails, none of them stays. Standard library only.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")
_registries: list["Registry[Any]"] = []
_origins = ["odyssey itself"]
_CONFIG = "a config"


class RegistrationError(ValueError):
    """A row that can't be registered; the message is one line."""


class Registry(Mapping[str, Row], Generic[Row]):
    """Name → row, in the order in which rows came. ``what`` is one of them in words: "loss"."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._rows: dict[str, Row] = {}
        self._from: dict[str, str] = {}
        _registries.append(self)

    def add(self, name: str, row: Row) -> Row:
        """Add a row and return it.

        Raises RegistrationError for a name that is no word, as it stands in configs and file names,
        or that another row has. The same row may come again.
        """
        self._check_name(name)
        if self._rows.setdefault(name, row) != row:
            self._refuse(name)
        self._from.setdefault(name, _origins[-1])
        return row

    def put(self, name: str, row: Row) -> Row:
        """Add a row that a config describes, or put it in the place of another such row.

        Raises RegistrationError as ``add`` does, where the name is that of other rows.
        """
        self.check_free(name)
        self._rows[name], self._from[name] = row, _CONFIG
        return row

    def check_free(self, name: str) -> None:
        """Raise RegistrationError unless a row of this name can be ``put``."""
        self._check_name(name)
        if self._from.get(name, _CONFIG) != _CONFIG:
            self._refuse(name)

    def _check_name(self, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            raise RegistrationError(
                f"the name of a {self._what} must be a letter and then letters, digits, _ and -, "
                f"got {name!r}"
            )

    def _refuse(self, name: str) -> None:
        raise RegistrationError(
            f"there is a {self._what} {name!r} already, from {self._from[name]}: choose another "
            "name"
        )

    def find(self, name: str) -> Row:
        """Return the row of a name. Raises ValueError with the legal names for any other."""
        if name not in self._rows:
            raise ValueError(f"unknown {self._what} {name!r}: use {', '.join(self._rows)}")
        return self._rows[name]

    def __getitem__(self, name: str) -> Row:
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
