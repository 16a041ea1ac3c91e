"""A finished trial's best weights, with all that its file says of the network they are of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.networks.cells import Cell, get_cell
from odyssey.runs.epochs import read_finished_tree
from odyssey.runs.results import TrialResult

FloatArray = NDArray[np.float32]


class CannotExport(ValueError):
    """A network that a format can't say, or a format that can't be written here; one line."""


@dataclass(frozen=True)
class Trained:
    """A network of D inputs, H blocks per direction and K outputs at its best epoch.

    ``parameters`` have the names and shapes of ``NetworkSpec.parameter_shapes``. ``cell`` is None
    for one that nobody has registered in this process. ``about`` says in plain JSON types which
    trial it is and how good.
    """

    name: str
    code: str
    cell: Cell | None
    inputs: int
    hidden: int
    outputs: int
    parameters: Mapping[str, FloatArray]
    about: Mapping[str, Any]

    @property
    def directions(self) -> tuple[str, ...]:
        """The recurrent layers, side by side."""
        return ("forward", "backward") if "backward.W" in self.parameters else ("forward",)

    def side(self, direction: str) -> dict[str, FloatArray]:
        """Return the parameters of one recurrent layer, named as in ``Cell.parameter_shapes``."""
        prefix = f"{direction}."
        return {
            name.removeprefix(prefix): value
            for name, value in self.parameters.items()
            if name.startswith(prefix)
        }

    def refusal(self, format: str, reason: str) -> CannotExport:
        """Return the error for a network that a format can't say."""
        return CannotExport(f"{self.name}: {format} can't say {self.code}: {reason}")


def read_trained(path: Path) -> Trained:
    """Return the network of a trial's file.

    Raises DamagedFile if it is no trial's file, NotFinished for a checkpoint.
    """
    tree = read_finished_tree(path)
    result, best = TrialResult.from_tree(tree), tree["best"]
    directions = 1 + ("backward.W" in best)
    return Trained(
        name=f"{tree['task']}/{tree['variant']}/{tree['trial']}",
        code=tree["variant"],
        cell=_cell(tree["variant"]),
        inputs=best["forward.W"].shape[1],
        hidden=best["output.W"].shape[1] // directions,
        outputs=best["output.W"].shape[0],
        parameters=best,
        about={
            **{key: tree[key] for key in ("task", "variant", "trial", "hyperparameters")},
            **{key: tree[key] for key in ("best_epoch", "fingerprint", "package_version")},
            "epochs": len(tree["curves"]["valid"]),
            **_figures(result),
        },
    )


def _cell(code: str) -> Cell | None:
    try:
        return get_cell(code)
    except ValueError:
        return None


def _figures(result: TrialResult) -> dict[str, float]:
    """Return the figures at the best epoch, where the file has them."""
    at = result.best_epoch - 1
    if at < 0:
        return dict(result.untrained or {})
    return {name: float(result.curves[name][at]) for name in ("valid", "test")}


#: What writes a network to a file.
Writer = Callable[[Trained, Path], Mapping[str, tuple[int, ...]]]
