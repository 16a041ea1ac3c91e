"""What a network is given: prepared data as they are, or arrays as a user has them.

Arrays are scaled with the mean and standard deviation of the data that the trial was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.losses import get_loss
from odyssey.networks.spec import NetworkSpec
from odyssey.predict.network import CannotPredict, Finished
from odyssey.storage.arrays import read_arrays
from odyssey.storage.datasets import (
    DataError,
    Dataset,
    Example,
    Split,
    is_prepared,
    load_dataset,
)
from odyssey.tasks.readers.arrays import converted


@dataclass(frozen=True)
class Sequences:
    """What a network is given: by set, whether its targets are known, and the labels' names."""

    splits: Mapping[str, Split]
    judged: frozenset[str]
    labels: tuple[str, ...] = ()


def read_sequences(path: Path, trial: Finished, data: Path) -> Sequences:
    """Return the sequences of a file, prepared or arrays, as the trial's training saw its own.

    ``data`` are the prepared data that the trial was trained on. Raises DataError and
    CannotPredict.
    """
    if is_prepared(path):
        dataset = load_dataset(path)
        if dataset.fingerprint != trial.data_fingerprint:
            _check_scales(path, dataset, _trained_on(data, trial))
        if dataset.task != trial.spec.task:
            raise CannotPredict(
                f"{path}: must be data of the task {trial.spec.task}, are of {dataset.task}"
            )
        for name, split in dataset.splits.items():
            _check_width(f"{path}: {name} set", split.inputs, trial.network.inputs)
        return Sequences(dataset.splits, frozenset(dataset.splits), dataset.labels)
    trained_on = _trained_on(data, trial)
    arrays = read_arrays(path.read_bytes(), str(path), targets=False)
    splits, judged = {}, set()
    for name, examples in arrays.sets.items():
        if not examples:
            raise CannotPredict(f"{path}: the {name} set must have a sequence, has none")
        known = any(len(each.y) for each in examples)
        split = _split(f"{path}: {name} set", examples, trial.network, known)
        loss = get_loss(trial.network.loss)
        if known and any(loss.counted(y) for _, y in split):
            judged.add(name)
        split = split.scaled(trained_on.mean, trained_on.std)
        splits[name] = replace(split, inputs=split.inputs.astype(np.float32))
    return Sequences(splits, frozenset(judged), trained_on.labels)


def _trained_on(data: Path, trial: Finished) -> Dataset:
    """Return the data that the trial was trained on; CannotPredict if they are others now."""
    dataset = load_dataset(data)
    if dataset.fingerprint != trial.data_fingerprint:
        raise CannotPredict(
            f"{data}: must be the prepared data that {trial.spec} was trained on, are others: name "
            "those with --data"
        )
    return dataset


def _check_scales(path: Path, dataset: Dataset, trained_on: Dataset) -> None:
    """Raise CannotPredict for prepared data that were scaled otherwise than the trial's."""
    same = dataset.mean.shape == trained_on.mean.shape
    if not same or (dataset.mean != trained_on.mean).any() or (dataset.std != trained_on.std).any():
        raise CannotPredict(
            f"{path}: must be scaled with the trial's own means and deviations, is scaled with "
            "others: give its sequences as arrays, as they were before"
        )


def _split(place: str, examples: Sequence[Example], network: NetworkSpec, known: bool) -> Split:
    """Return a set as prepared data hold it, but not scaled; without ``known`` targets with any."""
    loss, generator = get_loss(network.loss), np.random.default_rng(0)
    kept = []
    for example in examples:
        sequence = f"{place}, sequence {example.id}"
        _check_width(sequence, example.x, network.inputs)
        if not known:  # which ones they are changes no activation
            y = loss.draw_targets(generator, len(example.x), network.outputs)
            example = example._replace(y=y)
        kept.append(converted(example, loss, place))
        try:
            loss.check_targets(kept[-1].y, len(example.x), network.outputs)
        except ValueError as error:
            raise DataError(f"{sequence}: {error}") from error
    return Split.of(kept)


def _check_width(place: str, x: NDArray[Any], inputs: int) -> None:
    if x.ndim != 2 or not len(x) or x.shape[1] != inputs:
        shape = " × ".join(map(str, x.shape))
        raise CannotPredict(f"{place}: inputs must be frames × {inputs}, are {shape}")
