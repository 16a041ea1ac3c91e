"""Paths as a user writes them, with ~ and $VARIABLES, and the folder of a study."""

import os
import re
import shlex
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})")


def expanded(text: str) -> Path:
    """Return a path with ~, ~user, $NAME and ${NAME} replaced.

    ValueError if a variable is unset or empty or there is no such home folder: a folder called
    "~" or "$SCRATCH" is never meant.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        found = os.environ.get(name, "")
        if not found:
            raise ValueError(f"the variable {name} must be set, {text!r} needs it: export it first")
        return found

    path = os.path.expanduser(text)
    if path.startswith("~"):
        raise ValueError(f"{text!r} must begin with a home folder, this machine knows none of it")
    return Path(_VARIABLE.sub(value, path))


def study_folder() -> Path | None:
    """Return the nearest folder upwards that has a config.yaml; None if none has."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return None
    folders = (here, *here.parents)
    return next((each for each in folders if os.path.isfile(each / "config.yaml")), None)


class ForShell(str):
    """A path that stands quoted, where it needs quotes, in every text it is formatted into."""

    def __format__(self, spec: str) -> str:
        return shlex.quote(format(str(self), spec))
