"""What is said of a config that describes no study."""

from collections.abc import Iterator
from contextlib import contextmanager


class ConfigError(ValueError):
    """A config that does not describe a study; the message is one line."""


@contextmanager
def at(place: str) -> Iterator[None]:
    """Name the place in the config where a ValueError arose."""
    try:
        yield
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"config: {place}: {error}") from error
