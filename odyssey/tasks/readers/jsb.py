"""JSB Chorales: piano rolls of 88 keys, one frame a quarter note; each frame predicts the next.

Source: Boulanger-Lewandowski et al., ICML 2012 (the files); Greff et al., section IV-A (the task).
A roll is uint8 (T, 88), column = MIDI note − 21, and becomes x = frames 0..T−2, y = frames 1..T−1.
The original files are one piece: anything wrong in one stops the preparation. The same chorales
are about in other keys and at other time resolutions: frames and notes tell them apart.
"""

import io
import json
import multiprocessing
import pickle
import pickletools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import scipy.io
from numpy.typing import NDArray

from odyssey.storage.datasets import SPLITS, DataError, Example
from odyssey.tasks import jsb, tree
from odyssey.tasks.readers.corpus import Corpus

LOWEST, KEYS = 21, 88
#: Of the paper's files: chorales, frames (those of all rolls, the first ones too), and the notes
#: that they span when moved to C.
CHORALES = jsb.SIZE.sequences
FRAMES = {"train": 13807, "valid": 4602, "test": 4725}
SPAN = range(43, 97)
#: ASSUME: other editions write a silent voice as −1, 0, null or NaN.
_RESTS = (-1, 0)
#: What the sets are called.
_NAMES = {
    "train": ("train", "traindata"),
    "valid": ("valid", "validdata", "validation", "val", "dev"),
    "test": ("test", "testdata"),
}
_FRAMES = "frames of notes 21 to 108 (of rests: nothing, or −1, 0 or null for a voice)"
Roll = NDArray[np.uint8]


def read_mat(corpus: Corpus, path: str, normalise: bool = False) -> None:
    """Read a MATLAB file with ``traindata``, ``validdata`` and ``testdata``: cells of T × 88.

    ASSUME: rolls are taken as 0/1, here and below: the paper's curves over learning rate and noise
    lie 1 to 2 % below ours, those of normalised rolls elsewhere, see docs/reproduction-jsb.md.
    """
    content = _content(corpus, path, normalise)
    try:
        # In a process of its own: some damage makes loadmat crash.
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
            sets = process.submit(_cells, content).result()
    except NotImplementedError:
        _refuse(path, "a MATLAB file of version 7 or older", "one of 7.3 (save it with -v7)")
    except Exception as error:  # loadmat raises whatever a broken file runs into
        _refuse(path, "a MATLAB file with traindata, validdata and testdata", error)
    _add_sets(corpus, path, sets, _checked_roll)


def read_pickle(corpus: Corpus, path: str, normalise: bool = False) -> None:
    """Read a pickle of the same form as ``read_json``, without running any code from it.

    Those of Python 2 are read as well.
    """
    content = _content(corpus, path, normalise)
    try:
        _check_memo(content)
        sets = _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a broken pickle raises almost anything
        _refuse(path, "a pickle of plain lists and numbers (else save it as JSON)", error)
    _add_sets(corpus, path, sets, _roll_of_notes)


def read_json(corpus: Corpus, path: str, normalise: bool = False) -> None:
    """Read ``{"train": …, "valid": …, "test": …}``: chorales as lists of frames of MIDI notes.

    A rest is an empty frame; a note that is −1, 0 or null is a rest of one voice.
    """
    content = _content(corpus, path, normalise)
    try:
        sets = json.loads(content)
    except (ValueError, RecursionError) as error:
        _refuse(path, "JSON", error)
    _add_sets(corpus, path, sets, _roll_of_notes)


class _PlainUnpickler(pickle.Unpickler):
    """Builds numbers, texts and containers; every other name is refused, so no code is reached."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a reference to {module}.{name}")


def _check_memo(content: bytes) -> None:
    """Refuse a place beyond any that so few bytes can fill: memory is taken for all before it."""
    for code, place, _ in pickletools.genops(content):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and (place or 0) > len(content):
            raise pickle.UnpicklingError(f"place {place} of the memo in {len(content)} bytes")


def _content(corpus: Corpus, path: str, normalise: bool) -> bytes:
    corpus.normalise, corpus.root = normalise, Path(path).parent
    if Path(path).is_dir():
        inside = ", ".join(entry.name for entry in [*tree.entries_of(Path(path))][:5])
        raise DataError(
            f"{path}: expected the file of the rolls, got a folder with {inside or 'nothing'}; "
            "set path to the file"
        )
    return corpus.read_bytes(Path(path))


def _cells(content: bytes) -> dict[str, list[Any]]:
    cells = scipy.io.loadmat(io.BytesIO(content))
    names = {name for names in _NAMES.values() for name in names}
    return {name: list(cell.ravel()) for name, cell in cells.items() if name in names}


def _add_sets(corpus: Corpus, path: str, found: Any, to_roll: Callable[[Any], Roll]) -> None:
    sets = _named_sets(found)
    if sets is None:
        keys = sorted(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        _refuse(path, f"lists under the keys {', '.join(SPLITS)}", keys)
    rests: Counter[str] = Counter()
    for split in SPLITS:
        for k, chorale in enumerate(corpus.track(sets[split])):
            try:
                roll = to_roll(chorale)
                rests.update(_rests(chorale) if to_roll is _roll_of_notes else ())
            except (TypeError, ValueError, OverflowError) as error:
                _refuse(f"{path}, {split} chorale {k}", _FRAMES, error)
            add_roll(corpus, split, f"{split}/{k}", roll)
    if rests:
        written = ", ".join(f"{count} of {name}" for name, count in sorted(rests.items()))
        corpus.note(f"rests of single voices: {written}; they are silent")
    _compare(corpus)


def _named_sets(found: Any) -> dict[str, list[Any]] | None:
    """Return the chorales of each set; None if one is missing or no list."""
    if not isinstance(found, Mapping):
        return None
    sets = {name: next((found[k] for k in _NAMES[name] if k in found), None) for name in SPLITS}
    lists = {name: list(s) for name, s in sets.items() if isinstance(s, list | tuple)}
    return lists if len(lists) == len(SPLITS) else None


def _compare(corpus: Corpus) -> None:
    """Note in what the rolls differ from the paper's: chorales, time resolution, key."""
    corpus.comparable = True
    corpus.compare(CHORALES, "chorales")
    for name in SPLITS:
        rolls = [np.concatenate([e.x[:1], e.y]) for e in corpus.splits[name]]
        frames = sum(map(len, rolls))
        if frames != FRAMES[name]:
            corpus.differs(
                f"{name}: {frames} frames, the paper has {FRAMES[name]}, one for each quarter note "
                f"({frames / FRAMES[name]:.2f} times as many)"
            )
        notes = [int(k) + LOWEST for k in np.flatnonzero(np.any([r.any(axis=0) for r in rolls], 0))]
        if notes and not (notes[0] in SPAN and notes[-1] in SPAN):
            corpus.differs(
                f"{name}: notes {notes[0]} to {notes[-1]}, the paper's chorales are moved to C and "
                f"have {SPAN[0]} to {SPAN[-1]}"
            )


def add_roll(corpus: Corpus, split: str, name: str, roll: Roll) -> None:
    """Add a chorale to a set; one without two frames is left out."""
    corpus.labels = tuple(str(LOWEST + key) for key in range(KEYS))
    if len(roll) < 2:
        corpus.skip(name, f"{len(roll)} frames; a prediction needs 2")
    else:
        corpus.splits[split].append(Example(name, roll[:-1], roll[1:]))


def _roll_of_notes(frames: Any) -> Roll:
    roll = np.zeros((len(frames), KEYS), np.uint8)
    for t, frame in enumerate(frames):
        for note in () if frame is None else frame:
            if _is_rest(note):
                continue
            number = isinstance(note, int | float) and not isinstance(note, bool)
            if not number or not LOWEST <= note < LOWEST + KEYS or note != int(note):
                raise ValueError(f"{note!r} in frame {t}")
            roll[t, int(note) - LOWEST] = 1
    return roll


def _is_rest(note: Any) -> bool:
    if isinstance(note, bool):
        return False
    return note is None or note in _RESTS or note != note  # which only NaN is not


def _rests(frames: Any) -> Iterator[str]:
    return (
        "null" if note is None else f"{note:g}"
        for frame in frames
        for note in frame or ()
        if _is_rest(note)
    )


def _checked_roll(roll: Any) -> Roll:
    roll = roll.toarray() if hasattr(roll, "toarray") else roll  # which was sparse
    if roll.ndim != 2 or roll.shape[1] != KEYS or not np.isin(roll, (0, 1)).all():
        raise ValueError(f"an array of shape {roll.shape}, width not 88 or values not 0 and 1")
    return np.asarray(roll, dtype=np.uint8)


def _refuse(place: str, expected: str, found: object) -> NoReturn:
    text = " ".join(f"{found}".split())[:200]
    raise DataError(
        f"{place}: expected {expected}, got {text}; config.yaml, data: jsb, names file and form"
    )
