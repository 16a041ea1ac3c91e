"""Preparation: one corpus in, one file of prepared data out, the same for every task and source."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.losses import get_loss
from odyssey.storage.datasets import (
    OWN_VERSIONS,
    SPLITS,
    DataError,
    Dataset,
    FloatArray,
    Provenance,
    Split,
    load_dataset,
    write_dataset,
)
from odyssey.tasks import DATA_VERSION, Source, Task, get_task, tree
from odyssey.tasks.merit import baselines
from odyssey.tasks.readers.corpus import Corpus, Track

_OTHER = "; figures do not compare with the paper's"


def prepare(task: str, source: str, out: Path, *, track: Track = iter, **options: Any) -> Dataset:
    """Read a corpus, normalise it, write it to ``out`` and return it.

    Options are those of the source (``path``, ``seed``, …); those that only other sources of the
    task have are ignored, as are those that are None. DataError says what is wrong with them or
    with the corpus.
    """
    with _as_data_error():
        row = get_task(task)
        row.source_of(source)
    entry = row.sources[source]
    used = _used_options(row, source, options)
    reader = find_reader(entry)
    corpus = Corpus(entry.description, track)
    state = tree.state(Path(used["path"])) if "path" in used else ""
    try:
        reader(corpus, **used)
    except DataError as error:
        raise DataError(f"{error}{_reasons(corpus)}") from error
    check_examples(row, corpus)
    skip_unlearnable(row, corpus)
    check_sets(row, corpus, f"{task} from source {source!r}")
    provenance = Provenance(
        {name: str(value) for name, value in used.items()},
        {name: version(name) for name in (*OWN_VERSIONS, *corpus.packages)},
        corpus.files,
        corpus.skipped,
        tuple(corpus.notes),
        tuple(entry.options),
        state,
        DATA_VERSION,
        row.version,
    )
    write_dataset(out, _assemble(row, source, corpus, provenance))
    return load_dataset(out)


def find_reader(source: Source) -> Callable[..., None]:
    """Return the function that fills a Corpus from this source, imported where it is only named."""
    if not isinstance(source.reader, str):
        return source.reader
    module, _, function = source.reader.partition(":")
    reader: Callable[..., None] = getattr(importlib.import_module(module), function)
    return reader


@contextmanager
def _as_data_error(before: str = "") -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        what = before if str(error).startswith("must") else ""
        raise DataError(f"{what}{error}") from error


def parse_options(task: Task, source: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of options given as texts; DataError for what a task does not have."""
    values = {}
    for name, text in texts.items():
        with _as_data_error(f"{name} "):
            values[name] = task.option(name, source).parse(text)
    return values


def _used_options(task: Task, source: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the source takes; refuse what no source takes, or not so."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in sorted(given):
        with _as_data_error():
            task.option(name, source)
    own = task.sources[source].options
    for name, option in own.items():
        if option.required and name not in given:
            raise DataError(
                f"{task.name} from source {source!r} needs a {name}: set it in config.yaml, "
                "section data"
            )
        with _as_data_error(f"{name} "):
            option.check(given.get(name))
    return {name: given[name] for name in own if name in given}


def check_examples(task: Task, corpus: Corpus) -> None:
    """Raise DataError for a sequence that is none of the task's network and loss."""
    loss = get_loss(task.loss)
    for name, examples in corpus.splits.items():
        for example in examples:
            try:
                _check_inputs(example.x, task.inputs)
                loss.check_targets(example.y, len(example.x), task.outputs)
            except ValueError as error:
                raise DataError(f"{task.name}, {name} set, {example.id}: {error}") from error


def _check_inputs(x: NDArray[Any], inputs: int) -> None:
    """Raise ValueError unless x is (T, D) and finite, T at least 1."""
    if x.ndim != 2 or not len(x) or x.shape[1] != inputs:
        raise ValueError(f"inputs must be frames × {inputs}, are {' × '.join(map(str, x.shape))}")
    if not np.isfinite(x).all():
        raise ValueError("inputs must be finite, some are not")


def skip_unlearnable(task: Task, corpus: Corpus) -> None:
    """Leave out training sequences whose loss is infinite at any weights.

    Validation and test sequences stay: the figure of merit is an edit distance.
    """
    loss, kept = get_loss(task.loss), []
    for example in corpus.splits["train"]:
        if reason := loss.refusal(example.y, len(example.x)):
            corpus.skip(example.id, reason)
        else:
            kept.append(example)
    lost = len(corpus.splits["train"]) - len(kept)
    corpus.splits["train"] = kept
    if lost and corpus.comparable:
        corpus.differs(f"train: {lost} lines that {loss.name.upper()} cannot align are left out")


def check_sets(task: Task, corpus: Corpus, what: str) -> None:
    """Raise DataError for a set without sequences, or without a target that counts."""
    loss = get_loss(task.loss)
    for name in SPLITS:
        if not corpus.splits[name]:
            found = _reasons(corpus) or "; nothing was left out"
            raise DataError(f"{what}: the {name} set is empty{found}; check path and split")
        if not any(loss.counted(example.y) for example in corpus.splits[name]):
            raise DataError(f"{what}: the {name} set must have a target that counts, has none")


def _reasons(corpus: Corpus) -> str:
    """Return what was left out before preparation stopped, for the end of its message."""
    if not corpus.skipped:
        return ""
    reasons = "; ".join(f"{item}: {why}" for item, why in list(corpus.skipped.items())[:3])
    return f" after leaving out {len(corpus.skipped)} items ({reasons})"


def _assemble(task: Task, source: str, corpus: Corpus, provenance: Provenance) -> Dataset:
    splits = {name: Split.of(examples) for name, examples in corpus.splits.items()}
    mean, std = _statistics(splits["train"].inputs, corpus.normalise)
    if corpus.normalise:
        splits = {name: split.scaled(mean, std) for name, split in splits.items()}
    return Dataset(
        task.name,
        source,
        corpus.description + ("" if corpus.comparable or not task.reported else _OTHER),
        corpus.labels,
        splits,
        mean=mean,
        std=std,
        comparable=corpus.comparable,
        baselines=baselines(task, splits["train"], splits["test"]),
        provenance=provenance,
    )


def _statistics(inputs: NDArray[Any], normalise: bool) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation (D,); a constant input is only centred."""
    if not normalise:
        return np.zeros(inputs.shape[1], np.float32), np.ones(inputs.shape[1], np.float32)
    std = inputs.std(axis=0, dtype=np.float64)
    mean = inputs.mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32)
