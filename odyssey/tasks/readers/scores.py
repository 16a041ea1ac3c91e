"""Bach's chorales as the scores of the package music21 → piano rolls of the original kind."""

from pathlib import Path
from typing import Any

import numpy as np

from odyssey.tasks.readers.corpus import Corpus, split_groups
from odyssey.tasks.readers.jsb import KEYS, LOWEST, Roll, add_roll


def read_music21(
    corpus: Corpus, seed: int = 1, chorales: int | None = None, normalise: bool = False
) -> None:
    """Make rolls from the four-part chorales of Bach inside the music21 package.

    ``chorales`` reads only that many scores, the first by name; the split is seeded, 60/20/20.
    """
    import music21

    corpus.normalise = normalise
    corpus.packages = ("music21",)
    corpus.root = Path(music21.__file__).parent
    paths = [path for path in music21.corpus.getComposer("bach") if path.name.endswith(".mxl")]
    rolls: dict[str, Roll] = {}
    for path in corpus.track(sorted(paths)[:chorales]):
        corpus.read_bytes(path)
        # Not corpus.parse: it would trust pickles left in a shared temporary folder.
        score: Any = music21.converter.parse(path, forceSource=True, storePickle=False)
        if len(score.parts) != 4:
            corpus.skip(path.name, f"{len(score.parts)} parts, not 4")
            continue
        roll = score_to_roll(score)
        if twin := next((n for n, other in rolls.items() if np.array_equal(roll, other)), None):
            corpus.skip(path.name, f"the same notes as {twin}")  # which may be in another set
        else:
            rolls[path.stem] = roll
    for name, split in split_groups(rolls, seed).items():
        add_roll(corpus, split, name, rolls[name])


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
