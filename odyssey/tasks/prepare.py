"""Preparation: one corpus in, one file of prepared data out, the same for every task and source."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.networks.spec import ctc_frames
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
from odyssey.tasks import DATA_VERSION, TASKS, tree
from odyssey.tasks.merit import baselines
from odyssey.tasks.readers.corpus import Corpus, Track


@dataclass(frozen=True)
class Source:
    """A reader, as ``module.function`` in ``tasks.readers``, and its corpus in plain words."""

    reader: str
    description: str


_ORIGINAL_ROLLS = "the piano rolls of Boulanger-Lewandowski et al."
_OTHER = "; figures do not compare with the paper's"

SOURCES: Mapping[str, Mapping[str, Source]] = MappingProxyType(
    {
        "timit": {
            "timit": Source("timit.read_timit", "TIMIT, Halberstadt's sets"),
            "synthetic": Source(
                "synthetic_speech.read_synthetic",
                "made-up sentences spoken by eSpeak NG, a stand-in",
            ),
        },
        "iamondb": {
            "iamondb": Source("iamondb.read_iamondb", "IAM-OnDB, the paper's sets"),
            "unipen": Source(
                "unipen.read_unipen",
                "real handwriting of UNIPEN train_r01_v07, split by writer",
            ),
            "synthetic": Source(
                "synthetic_ink.read_synthetic",
                "made-up lines in Hershey fonts, a stand-in",
            ),
        },
        "jsb": {
            "mat": Source("jsb.read_mat", _ORIGINAL_ROLLS),
            "pickle": Source("jsb.read_pickle", _ORIGINAL_ROLLS),
            "json": Source("jsb.read_json", _ORIGINAL_ROLLS),
            "music21": Source(
                "scores.read_music21",
                "Bach's chorales in the edition that comes with music21, split by seed",
            ),
        },
    }
)


def prepare(task: str, source: str, out: Path, *, track: Track = iter, **options: Any) -> Dataset:
    """Read a corpus, normalise it, write it to ``out`` and return it.

    Options are the reader's own arguments (``path``, ``seed``, …); those that only other sources of
    the task have are ignored, as are those that are None. DataError says what is wrong with them
    or with the corpus.
    """
    if source not in SOURCES[task]:
        raise DataError(f"{task} has no source {source!r}: use {', '.join(SOURCES[task])}")
    entry = SOURCES[task][source]
    reader = find_reader(entry)
    what = f"{task} from source {source!r}"
    given = {name: value for name, value in options.items() if value is not None}
    used = _used_options(reader, given, what)
    _check_names(task, set(given) - set(used))
    corpus = Corpus(entry.description, track)
    state = tree.state(Path(used["path"])) if "path" in used else ""
    try:
        reader(corpus, **used)
    except DataError as error:
        raise DataError(f"{error}{_reasons(corpus)}") from error
    if TASKS[task].loss == "ctc":
        _skip_infeasible(corpus)
    _check_sets(corpus, what)
    provenance = Provenance(
        {name: str(value) for name, value in used.items()},
        {name: version(name) for name in (*OWN_VERSIONS, *corpus.packages)},
        corpus.files,
        corpus.skipped,
        tuple(corpus.notes),
        _names_of_options(reader),
        state,
        DATA_VERSION,
    )
    write_dataset(out, _assemble(task, source, corpus, provenance))
    return load_dataset(out)


def find_reader(source: Source) -> Callable[..., None]:
    """Import and return the function that fills a Corpus from this source."""
    module, function = source.reader.split(".")
    reader: Callable[..., None] = getattr(
        importlib.import_module(f"odyssey.tasks.readers.{module}"), function
    )
    return reader


def _used_options(reader: Any, given: Mapping[str, Any], what: str) -> dict[str, Any]:
    parameters = list(inspect.signature(reader).parameters.values())[1:]
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name not in given:
            raise DataError(f"{what} needs a {parameter.name}: set it in config.yaml, section data")
    return {p.name: given[p.name] for p in parameters if p.name in given}


def _names_of_options(reader: Callable[..., None]) -> tuple[str, ...]:
    return tuple(inspect.signature(reader).parameters)[1:]


def _check_names(task: str, unused: set[str]) -> None:
    """Refuse an option that no source of the task has."""
    if unused:
        readers = map(find_reader, SOURCES[task].values())
        known = {name for r in readers for name in _names_of_options(r)}
        if unused - known:
            raise DataError(
                f"{task} has no option {', '.join(sorted(unused - known))}: "
                f"use {', '.join(sorted(known))}"
            )


def _skip_infeasible(corpus: Corpus) -> None:
    """Leave out training lines that CTC cannot align: their loss is infinite at any weights.

    Validation and test lines stay: their figure of merit is an edit distance.
    """
    kept = []
    for example in corpus.splits["train"]:
        needed = ctc_frames(example.y.tolist())
        if needed <= len(example.x):
            kept.append(example)
        else:
            corpus.skip(
                example.id, f"CTC needs {needed} points for its text, it has {len(example.x)}"
            )
    lost = len(corpus.splits["train"]) - len(kept)
    corpus.splits["train"] = kept
    if lost and corpus.comparable:
        corpus.differs(f"train: {lost} lines that CTC cannot align are left out")


def _check_sets(corpus: Corpus, what: str) -> None:
    for name in SPLITS:
        if not corpus.splits[name]:
            found = _reasons(corpus) or "; nothing was left out"
            raise DataError(f"{what}: the {name} set is empty{found}; check path and split")


def _reasons(corpus: Corpus) -> str:
    """Return what was left out before preparation stopped, for the end of its message."""
    if not corpus.skipped:
        return ""
    reasons = "; ".join(f"{item}: {why}" for item, why in list(corpus.skipped.items())[:3])
    return f" after leaving out {len(corpus.skipped)} items ({reasons})"


def _assemble(task: str, source: str, corpus: Corpus, provenance: Provenance) -> Dataset:
    splits = {name: Split.of(examples) for name, examples in corpus.splits.items()}
    mean, std = _statistics(splits["train"].inputs, corpus.normalise)
    if corpus.normalise:
        splits = {name: split.scaled(mean, std) for name, split in splits.items()}
    return Dataset(
        task,
        source,
        corpus.description + ("" if corpus.comparable else _OTHER),
        corpus.labels,
        splits,
        mean=mean,
        std=std,
        comparable=corpus.comparable,
        baselines=baselines(TASKS[task], splits["train"], splits["test"]),
        provenance=provenance,
    )


def _statistics(inputs: NDArray[Any], normalise: bool) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation (D,); a constant input is only centred."""
    if not normalise:
        return np.zeros(inputs.shape[1], np.float32), np.ones(inputs.shape[1], np.float32)
    std = inputs.std(axis=0, dtype=np.float64)
    mean = inputs.mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32)
