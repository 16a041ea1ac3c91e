"""JSB Chorales: piano rolls of 88 keys, one frame a quarter note; each frame predicts the next.

Source: Boulanger-Lewandowski et al., ICML 2012 (the files); Greff et al., section IV-A (the task).
A roll is uint8 (T, 88), column = MIDI note − 21, and becomes x = frames 0..T−2, y = frames 1..T−1.
The original files are one piece: anything wrong in one stops the preparation.
"""

import io
import json
import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import scipy.io
from numpy.typing import NDArray

from odyssey.datasets import SPLITS, DataError, Example
from odyssey.tasks.corpus import Corpus, split_groups

LOWEST, KEYS = 21, 88
CHORALES = {"train": 229, "valid": 76, "test": 77}
Roll = NDArray[np.uint8]


def read_mat(corpus: Corpus, path: str, normalise: bool = False) -> None:
    """Read a MATLAB file with ``traindata``, ``validdata`` and ``testdata``: cells of T × 88.

    ASSUME: rolls are taken as 0/1, here and below: the paper's curves over learning rate and noise
    lie 1 to 2 % below ours, those of normalised rolls elsewhere, see docs/reproduction-jsb.md.
    """
    corpus.normalise = normalise
    content = corpus.read_bytes(Path(path))
    try:
        # In a process of its own: some damage makes loadmat crash.
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as process:
            sets = process.submit(_cells, content).result()
    except Exception as error:  # loadmat raises whatever a broken file runs into
        _refuse(path, "a MATLAB file with traindata, validdata and testdata", error)
    _add_sets(corpus, path, sets, _checked_roll)


def read_pickle(corpus: Corpus, path: str, normalise: bool = False) -> None:
    """Read a pickle of the same form as ``read_json``, without running any code from it."""
    corpus.normalise = normalise
    content = corpus.read_bytes(Path(path))
    try:
        sets = _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a broken pickle raises almost anything
        _refuse(path, "a pickle of plain lists and numbers", error)
    _add_sets(corpus, path, sets, _roll_of_notes)


def read_json(corpus: Corpus, path: str, normalise: bool = False) -> None:
    """Read ``{"train": …, "valid": …, "test": …}``: chorales as lists of frames of MIDI notes."""
    corpus.normalise = normalise
    content = corpus.read_bytes(Path(path))
    try:
        sets = json.loads(content)
    except (ValueError, RecursionError) as error:
        _refuse(path, "JSON", error)
    _add_sets(corpus, path, sets, _roll_of_notes)


def read_music21(
    corpus: Corpus, seed: int = 1, chorales: int | None = None, normalise: bool = False
) -> None:
    """Make rolls from the four-part chorales of Bach inside the music21 package.

    ``chorales`` reads only that many scores, the first by name; the split is seeded, 60/20/20.
    """
    import music21

    corpus.normalise = normalise
    corpus.packages = ("music21",)
    paths = [path for path in music21.corpus.getComposer("bach") if path.name.endswith(".mxl")]
    rolls: dict[str, Roll] = {}
    for path in corpus.track(sorted(paths)[:chorales]):
        # Not corpus.parse: it would trust pickles left in a shared temporary folder.
        score: Any = music21.converter.parse(path, forceSource=True, storePickle=False)
        if len(score.parts) != 4:
            corpus.skip(path.name, f"{len(score.parts)} parts, not 4")
            continue
        corpus.read_bytes(path)
        roll = score_to_roll(score)
        if twin := next((n for n, other in rolls.items() if np.array_equal(roll, other)), None):
            corpus.skip(path.name, f"the same notes as {twin}")  # which may be in another set
        else:
            rolls[path.stem] = roll
    for name, split in split_groups(rolls, seed).items():
        _add(corpus, split, name, rolls[name])


def score_to_roll(score: Any) -> Roll:
    """Return the notes that sound on each quarter of a music21 score, moved to C.

    ASSUME: the key is that of the last bass note and C means one octave up from the nearest: so
    93 % of the original rolls end, minor ones in C minor, and so both span notes 43 to 96.
    """
    notes = [
        (float(note.offset), float(note.offset + note.quarterLength), pitch.midi)
        for part in score.parts
        for note in part.flatten().notes
        for pitch in note.pitches
    ]
    last = max(start for start, _, _ in notes)
    tonic = min(midi for start, end, midi in notes if start <= last < end)
    shift = (5 - tonic) % 12 + 7
    roll = np.zeros((int(np.ceil(max(end for _, end, _ in notes))), KEYS), np.uint8)
    for start, end, midi in notes:
        roll[int(np.ceil(start)) : int(np.ceil(end)), midi + shift - LOWEST] = 1
    return roll


class _PlainUnpickler(pickle.Unpickler):
    """Builds numbers, texts and containers; every other name is refused, so no code is reached."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a reference to {module}.{name}")


def _cells(content: bytes) -> dict[str, list[Any]]:
    cells = scipy.io.loadmat(io.BytesIO(content))
    return {name: list(cells[f"{name}data"].ravel()) for name in SPLITS}


def _add_sets(corpus: Corpus, path: str, sets: Any, to_roll: Callable[[Any], Roll]) -> None:
    if not isinstance(sets, Mapping) or not all(isinstance(sets.get(n), list) for n in SPLITS):
        _refuse(path, f"lists under the keys {', '.join(SPLITS)}", type(sets).__name__)
    for split in SPLITS:
        for k, chorale in enumerate(corpus.track(sets[split])):
            try:
                roll = to_roll(chorale)
            except (TypeError, ValueError, OverflowError) as error:
                _refuse(f"{path}, {split} chorale {k}", "frames of notes 21 to 108", error)
            _add(corpus, split, f"{split}/{k}", roll)
        if len(sets[split]) != CHORALES[split]:
            corpus.note(f"{split}: {len(sets[split])} chorales, the paper has {CHORALES[split]}")
    corpus.comparable = not corpus.notes


def _add(corpus: Corpus, split: str, name: str, roll: Roll) -> None:
    corpus.labels = tuple(str(LOWEST + key) for key in range(KEYS))
    if len(roll) < 2:
        corpus.skip(name, f"{len(roll)} frames; a prediction needs 2")
    else:
        corpus.splits[split].append(Example(name, roll[:-1], roll[1:]))


def _roll_of_notes(frames: Any) -> Roll:
    roll = np.zeros((len(frames), KEYS), np.uint8)
    for t, frame in enumerate(frames):
        for note in frame:
            if isinstance(note, bool) or not LOWEST <= note < LOWEST + KEYS or note != int(note):
                raise ValueError(f"{note!r} in frame {t}")
            roll[t, int(note) - LOWEST] = 1
    return roll


def _checked_roll(roll: Any) -> Roll:
    if roll.ndim != 2 or roll.shape[1] != KEYS or not np.isin(roll, (0, 1)).all():
        raise ValueError(f"an array of shape {roll.shape}, width not 88 or values not 0 and 1")
    return np.asarray(roll, dtype=np.uint8)


def _refuse(place: str, expected: str, found: object) -> NoReturn:
    text = " ".join(f"{found}".split())[:200]
    raise DataError(
        f"{place}: expected {expected}, got {text}; config.yaml, data: jsb, names file and form"
    )
