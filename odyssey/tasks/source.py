"""Where a task's data come from: sources and their options. Standard library only."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Value = str | int | float | bool | None
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Option:
    """One option of a source: ``data.<task>.<option>`` in a study file.

    ``kind`` is str, int, float or bool. Numbers lie in [``least``, ``most``]; a text is one of
    ``choices`` where there are any, and never empty. ``default`` is the reader's own; an option
    that is ``required`` has none.
    """

    description: str
    kind: type = str
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()
    default: Value = None
    required: bool = False

    def check(self, value: object) -> None:
        """Raise ValueError unless a reader can be given the value; None stands for the default."""
        if value is not None and not self._allows(value):
            raise ValueError(f"must be {self.must}, got {value!r}")

    @property
    def must(self) -> str:
        """What must hold, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        bounds = [f"from {self.least}"] if math.isfinite(self.least) else []
        bounds += [f"to {self.most}"] if math.isfinite(self.most) else []
        return " ".join([_WORDS[self.kind], *bounds])

    def parse(self, text: str) -> Value:
        """Return the value of a text from the command line; ValueError if it stands for none."""
        if self.kind is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            value: Value = text if self.kind in (str, bool) else self.kind(text)
        except ValueError:
            value = text
        self.check(value)
        return value

    def _allows(self, value: Any) -> bool:
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if self.kind is str:
            return isinstance(value, str) and bool(value) and value in (self.choices or (value,))
        known = isinstance(value, int if self.kind is int else int | float)
        return bool(known and self.least <= value <= self.most)


@dataclass(frozen=True)
class Source:
    """Where a task's data come from.

    ``reader`` fills a ``readers.corpus.Corpus``: a function, or one that is imported when data are
    prepared, as ``package.module:function``. It takes the corpus, then ``options`` by name.
    ``description`` says what the corpus is, in plain words.
    """

    reader: str | Callable[..., None]
    description: str
    options: Mapping[str, Option] = field(default_factory=dict)


#: Options that mean the same for every source.
PATH = Option(
    "File or folder of the corpus, relative to the working directory; a folder above it will do. "
    "~ and $VARIABLES are replaced.",
    required=True,
)
SEED = Option("Seed of random splits and of made-up data.", int, 0, 2**32 - 1, default=1)
