"""The activations of sequences, computed as training evaluates, and the file that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from odyssey import __version__
from odyssey.engines.choose import kernels_here, new_model
from odyssey.engines.training import FloatArray, evaluate
from odyssey.networks.spec import Device, Kernels
from odyssey.predict.network import Finished
from odyssey.predict.sequences import Sequences
from odyssey.storage.files import replacing
from odyssey.tasks import get_task
from odyssey.tasks.merit import FigureOfMerit

FORMAT, VERSION = "odyssey activations", 1


@dataclass
class Outputs:
    """The activations (T, K) of a set's sequences in order; a figure of merit for ``evaluate``."""

    merit: FigureOfMerit | None
    activations: list[FloatArray] = field(default_factory=list)

    def add(self, loss: float, activations: FloatArray, y: NDArray[Any]) -> None:
        """Keep one sequence's activations."""
        self.activations.append(activations.copy())  # they hold until the next run
        if self.merit:
            self.merit.add(loss, activations, y)

    def value(self) -> float:
        """Return the figure of merit, NaN where targets are not known."""
        return self.merit.value() if self.merit else float("nan")


@dataclass(frozen=True)
class Predicted:
    """What was computed by what: set → activations, one array (T, K) a sequence; set → figure."""

    kernels: str
    outputs: Mapping[str, list[FloatArray]]
    figures: Mapping[str, float]


def predict(
    trial: Finished, sequences: Sequences, kernels: Kernels, device: Device = "cpu"
) -> Predicted:
    """Evaluate the network on all sequences as training does: with the same bits on these kernels.

    Figures of merit are those of the sets with targets. Raises KernelError or GpuError.
    """
    model = new_model(trial.network, trial.spec.rule, kernels, device)
    model.set_parameters(trial.parameters)
    outputs: dict[str, list[FloatArray]] = {}
    figures: dict[str, float] = {}
    for name, split in sequences.splits.items():
        judged = name in sequences.judged
        found = Outputs(FigureOfMerit(get_task(trial.spec.task)) if judged else None)
        figure = evaluate(model, split, found)
        outputs[name] = found.activations
        if judged:
            figures[name] = figure
    return Predicted(kernels_here(trial.network.variant, kernels, device), outputs, figures)


def write_activations(
    path: Path, trial: Finished, sequences: Sequences, predicted: Predicted
) -> None:
    """Write an HDF5 file, whole or not at all: its attributes say of which trial it is.

    For each set there is a group of ``a`` (ΣT, K), the activations before softmax or sigmoid, all
    sequences one after the other, ``lengths`` (n,), the frames of each, and ``names`` (n,).
    ``labels`` beside them names the classes, if they have names.
    """
    with replacing(path) as draft, h5py.File(draft, "w", locking=False) as file:
        _describe(file, trial, predicted.kernels)
        if sequences.labels:
            file["labels"] = _texts(sequences.labels)
        for name, split in sequences.splits.items():
            group = file.create_group(name)
            group["a"] = np.concatenate(predicted.outputs[name])
            group["lengths"] = split.lengths
            group["names"] = _texts(split.ids)
            if name in predicted.figures:
                group.attrs["figure_of_merit"] = predicted.figures[name]


def _texts(texts: tuple[str, ...]) -> NDArray[Any]:
    """Return texts as h5py writes them; a name of a file may be no text."""
    readable = [text.encode(errors="backslashreplace").decode() for text in texts]
    return np.array(readable, object).astype(h5py.string_dtype())


def _describe(file: h5py.File, trial: Finished, kernels: str) -> None:
    spec = trial.spec
    file.attrs.update(format=FORMAT, version=VERSION, package_version=__version__)
    file.attrs.update(task=spec.task, variant=spec.variant, trial=spec.trial)
    file.attrs.update(best_epoch=trial.best_epoch, loss=trial.network.loss, kernels=kernels)
    file.attrs["fingerprint"] = spec.fingerprint
