"""What a check of this machine found: one row a check, as ``odyssey doctor`` shows them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Row:
    """One finding, in one line of text.

    ``ok``: it works. ``warn``: only some studies need it, or it costs time; the text says which.
    ``fail``: a study can't run here; the text says what must hold, what was found, what to do.
    """

    name: str
    state: State
    text: str


def ok(name: str, text: str) -> Row:
    """Return the row of something that works."""
    return Row(name, "ok", text)


def warn(name: str, text: str) -> Row:
    """Return the row of something that only some studies need."""
    return Row(name, "warn", text)


def fail(name: str, text: str) -> Row:
    """Return the row of something without which no study can run."""
    return Row(name, "fail", text)


def rows_of(name: str, check: Callable[[], Row | Iterable[Row]]) -> list[Row]:
    """Return what a check found; what it did not expect itself becomes a row that fails."""
    try:
        found = check()
        return [found] if isinstance(found, Row) else list(found)
    except Exception as error:  # a check must never end the others
        return [fail(name, f"could not be checked: {one_line(error)}")]


def one_line(error: BaseException) -> str:
    """Return an exception's class and message in one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
