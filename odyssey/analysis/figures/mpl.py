"""The one module of the analysis that imports matplotlib, without the user's settings.

matplotlib reads MPLBACKEND and a matplotlibrc when it is imported: a backend that is not there
stops it, a style changes every figure. Figures here depend on matplotlib's version and fonts alone.
"""

import contextlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def _defaults() -> str:
    """Return the settings that come with matplotlib."""
    package = importlib.util.find_spec("matplotlib")
    if package is None or package.origin is None:
        raise ImportError("figures need matplotlib, which is not installed: make env")
    return str(Path(package.origin).with_name("mpl-data") / "matplotlibrc")


@contextlib.contextmanager
def _environment(**changes: str | None) -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(kept)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


with _environment(MPLBACKEND=None, MATPLOTLIBRC=_defaults()):
    try:
        import matplotlib as mpl
        from matplotlib.axes import Axes
        from matplotlib.axis import Axis
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize
        from matplotlib.figure import Figure
        from matplotlib.font_manager import fontManager
        from matplotlib.gridspec import GridSpec
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
    except (OSError, ValueError) as error:
        raise ImportError(
            f"matplotlib can't be loaded: {error}; is there a matplotlibrc in this folder?"
        ) from error

__all__ = [
    "Axes",
    "Axis",
    "Figure",
    "FuncFormatter",
    "GridSpec",
    "LogLocator",
    "Normalize",
    "NullFormatter",
    "ScalarMappable",
    "own_settings",
]

#: Settings of a session, not of a figure.
_SESSION = ("backend", "backend_fallback", "interactive", "toolbar", "timezone", "webagg", "tk")
_FONT = "DejaVu Sans"


def own_settings(style: Mapping[str, Any]) -> contextlib.AbstractContextManager[None]:
    """Return the context of matplotlib's defaults with a style laid over them."""
    values: dict[Any, Any] = {
        name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith(_SESSION)
    }
    return mpl.rc_context(values | {"font.family": _FONT} | dict(style))


def _use_own_font() -> None:
    """Put the font that comes with matplotlib in place of a system's of the same name."""
    fontManager.ttflist[:] = [font for font in fontManager.ttflist if font.name != _FONT]
    for path in sorted(Path(mpl.get_data_path(), "fonts", "ttf").glob("DejaVuSans*.ttf")):
        if "Mono" not in path.name and "Display" not in path.name:
            fontManager.addfont(path)


_use_own_font()
