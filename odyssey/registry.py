"""Named rows that an extension can add to: losses, cells, whatever a study names in its config."""

import re
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Registry(Mapping[str, Row], Generic[Row]):
    """Name → row, in the order in which rows came. ``what`` is one of them in words: "loss"."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._rows: dict[str, Row] = {}

    def add(self, name: str, row: Row) -> Row:
        """Add a row and return it.

        Raises ValueError for a name that is no word, as it stands in configs and file names, or
        that another row has. The same row may come again.
        """
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            raise ValueError(
                f"the name of a {self._what} must be a letter and then letters, digits, _ and -, "
                f"got {name!r}"
            )
        if self._rows.setdefault(name, row) != row:
            raise ValueError(f"there is a {self._what} {name!r} already: choose another name")
        return row

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
