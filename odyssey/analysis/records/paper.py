"""One task beside the paper: the content of results/paper/<task>.json."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Distance:
    """How far one part of a figure is from the paper's.

    ``distance`` is in the part's own unit (see ``analysis.distance``), and so are ``floor``, the
    mean of what chance alone gives, and ``most``, its 95 percent quantile. ``plain`` is the same
    difference in ``unit``. Where nothing can be compared they are None, and ``note`` says why.
    """

    task: str
    part: str
    distance: float | None = None
    floor: float | None = None
    most: float | None = None
    plain: float | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class WithPaper:
    """Whether a task's data are ``comparable`` with the paper's, its figures ``beside`` ours.

    Without ``distances`` there may be a ``reason``.
    """

    comparable: bool
    beside: bool
    distances: tuple[Distance, ...]
    reason: str
