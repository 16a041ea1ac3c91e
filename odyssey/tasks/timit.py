"""TIMIT and other recordings in its layout: 39 inputs and one of 61 phones every 10 ms.

Source: Greff et al., section IV-A; the sets are those of Halberstadt (1998). A recording is a .PHN
file (rows of first sample, end sample, phone) and a sound file of the same name beside it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from odyssey.datasets import SPLITS, DataError, Example
from odyssey.tasks.corpus import Corpus, split_groups
from odyssey.tasks.sound import SHIFT, Samples, decode, frame_centres, mfcc39
from odyssey.tasks.timit_facts import (
    CORE_TEST,
    DEVELOPMENT,
    PHONES,
    SPEAKERS,
    UTTERANCES_PER_SPEAKER,
)

#: ASSUME: labels may end this many samples (0.1 s) after the sound; copies of TIMIT are so cut.
OVERHANG = 10 * SHIFT

Ends = NDArray[np.int64]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Utterance:
    """Files of one recording; ``id`` is its lower-case path, ``train/dr1/fcjf0/sx37``."""

    id: str
    phones: Path
    sound: Path

    @property
    def speaker(self) -> str:
        """The folder's name."""
        return self.phones.parent.name.lower()


def read_timit(
    corpus: Corpus,
    path: str,
    split: Literal["official", "speaker", "utterance"] = "official",
    seed: int = 1,
) -> None:
    """Read a tree of recordings, SA sentences left aside.

    ``official`` makes Halberstadt's sets; ``speaker`` and ``utterance`` share out whole speakers or
    single recordings 60/20/20, seeded, for other corpora in the same layout.
    """
    corpus.labels = PHONES
    corpus.packages = ("kaldi_native_fbank",)
    utterances = find_utterances(corpus, Path(path))
    sets = _official_sets(utterances) if split == "official" else {}
    if split == "speaker":
        of = split_groups((u.speaker for u in utterances), seed)
        sets = {u.id: of[u.speaker] for u in utterances}
    elif split == "utterance":
        sets = split_groups((u.id for u in utterances), seed)
    for utterance in corpus.track([u for u in utterances if u.id in sets]):
        try:
            corpus.splits[sets[utterance.id]].append(_read_utterance(corpus, utterance))
        except DataError as error:
            corpus.skip(utterance.id, str(error))
    if split == "official":
        _report_missing(corpus)
        corpus.comparable = not corpus.notes
    else:
        corpus.description = f"recordings in TIMIT's layout, split by {split}"


def find_utterances(corpus: Corpus, root: Path) -> list[Utterance]:
    """Return the recordings under a folder, by name; one without sound or phones is left out."""
    if not root.is_dir():
        raise DataError(f"{root}: expected the folder of TIMIT, there is none; check the path")
    files = {(p.parent, p.name.lower()): p for p in sorted(root.rglob("*")) if p.is_file()}
    stems = {(f, n.partition(".")[0]) for f, n in files if n.endswith((".phn", ".wav"))}
    found = []
    for folder, stem in sorted(stems):
        id_ = (folder.relative_to(root) / stem).as_posix().lower()
        phones = files.get((folder, f"{stem}.phn"))
        sound = files.get((folder, f"{stem}.wav")) or files.get((folder, f"{stem}.wav.wav"))
        if phones is None or sound is None:
            corpus.skip(id_, f"{folder / stem}: expected a .wav and a .phn file, one is missing")
        elif stem not in ("sa1", "sa2"):
            found.append(Utterance(id_, phones, sound))
    return found


def read_phones(content: bytes, samples: int, place: str) -> tuple[Ends, Labels]:
    """Return the ends (in samples) and labels of the phones; DataError with the row at fault.

    Rows follow each other without gap from sample 0; the last may end before the sound.
    """
    ends: list[int] = []
    labels: list[int] = []
    for row, line in enumerate(content.decode("latin-1").splitlines(), start=1):
        try:
            begin, end, phone = line.split()
            ends.append(_next_end(int(begin), int(end), ends[-1] if ends else 0))
            labels.append(PHONES.index(phone))
        except ValueError as error:
            raise DataError(
                f"{place}:{row}: expected the previous end, a later sample and one of 61 phones, "
                f"got {line.strip()[:80]!r} ({error})"
            ) from error
    if not ends or ends[-1] > samples + OVERHANG:
        raise DataError(
            f"{place}: expected phones for {samples} samples, got {len(ends)} "
            f"up to sample {ends[-1] if ends else 0}; sound and labels do not belong together"
        )
    return np.array(ends), np.array(labels, np.int32)


def _next_end(begin: int, end: int, previous: int) -> int:
    if begin != previous or not begin < end < 2**62:
        raise ValueError(f"gap or overlap after {previous}")
    return end


def frame_labels(ends: Ends, labels: Labels, samples: int) -> Labels:
    """Return the phone at the middle of each frame, as long as there is one, (T,).

    ASSUME: the label of a window is that of its middle sample, and frames behind the last phone are
    left out.
    """
    centres = frame_centres(samples)
    inside = centres[centres < ends[-1]]
    phones: NDArray[np.intp] = np.searchsorted(ends, inside, side="right")
    return labels[phones]


def example(name: str, samples: Samples, ends: Ends, labels: Labels) -> Example:
    """Return a recording's features and frame labels; DataError if shorter than one frame."""
    y = frame_labels(ends, labels, len(samples))
    if not len(y):
        raise DataError(f"{name}: expected at least one labelled frame of 25 ms")
    return Example(name, mfcc39(samples)[: len(y)], y)


def _read_utterance(corpus: Corpus, utterance: Utterance) -> Example:
    sound = corpus.read_bytes(utterance.sound, f"{utterance.id}.wav")
    phones = corpus.read_bytes(utterance.phones, f"{utterance.id}.phn")
    samples = decode(sound, str(utterance.sound))
    ends, labels = read_phones(phones, len(samples), str(utterance.phones))
    return example(utterance.id, samples, ends, labels)


def _official_sets(utterances: Iterable[Utterance]) -> Mapping[str, str]:
    sets = {}
    for utterance in utterances:
        parts = utterance.id.split("/")
        if "train" in parts:
            sets[utterance.id] = "train"
        elif "test" in parts and utterance.speaker in DEVELOPMENT:
            sets[utterance.id] = "valid"
        elif "test" in parts and utterance.speaker in CORE_TEST:
            sets[utterance.id] = "test"
    return sets


def _report_missing(corpus: Corpus) -> None:
    """Note every set whose count is not Halberstadt's, with the speakers it lacks."""
    listed = {"train": frozenset[str](), "valid": DEVELOPMENT, "test": CORE_TEST}
    for name in SPLITS:
        found = Counter(example.id.split("/")[-2] for example in corpus.splits[name])
        expected = SPEAKERS[name] * UTTERANCES_PER_SPEAKER
        if found.total() == expected:
            continue
        few = {s: n for s, n in found.items() if n != UTTERANCES_PER_SPEAKER}
        absent = sorted(listed[name] - set(found))
        corpus.note(
            f"{name}: {found.total()} utterances of {len(found)} speakers, TIMIT has {expected} of "
            f"{SPEAKERS[name]}; without any: {', '.join(absent) or 'see the number'}; "
            f"not {UTTERANCES_PER_SPEAKER}: {_listing(few)}"
        )


def _listing(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
