"""TIMIT and other recordings in its layout: 39 inputs and one of 61 phones every 10 ms.

Source: Greff et al., section IV-A; the sets are those of Halberstadt (1998). A recording is a .PHN
file (rows of first sample, end sample, phone) and a sound file of the same name beside it. Of
copies the first that can be read is taken: TIMIT often lies on disks as .WAV and .WAV.wav, or in
upper and lower case.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from odyssey.storage.datasets import SPLITS, DataError, Example
from odyssey.tasks.readers.corpus import Corpus, decode_text, no_better, split_groups
from odyssey.tasks.readers.sound import SHIFT, Samples, decode, frame_centres, mfcc39
from odyssey.tasks.readers.timit_facts import (
    CORE_TEST,
    DEVELOPMENT,
    PHONES,
    SPEAKERS,
    UTTERANCES_PER_SPEAKER,
)
from odyssey.tasks.readers.timit_files import Utterance, find_utterances

#: ASSUME: labels may end this many samples (0.1 s) after the sound; copies of TIMIT are so cut.
OVERHANG = 10 * SHIFT

Ends = NDArray[np.int64]
Labels = NDArray[np.int32]


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
    corpus.root = Path(path)
    corpus.comparable = split == "official"
    utterances = find_utterances(corpus, official=corpus.comparable)
    whole = [u for u in utterances if u.sounds and u.phones]
    if not whole:
        kinds = ".phn but no .wav" if utterances and utterances[0].phones else ".wav but no .phn"
        raise DataError(f"{path}: expected .wav and .phn files side by side, got {kinds}")
    if split == "official":
        sets = _official_sets(corpus.root, utterances)
        wanted = [u for u in utterances if u.id in sets]
    else:
        corpus.description = f"recordings in TIMIT's layout, split by {split}"
        names = {u.id: u.speaker if split == "speaker" else u.id for u in whole}
        of = split_groups(names.values(), seed)
        sets, wanted = {id_: of[name] for id_, name in names.items()}, utterances
    _read_all(corpus, wanted, sets)
    if split == "official":
        _report_missing(corpus)


def _read_all(corpus: Corpus, utterances: Sequence[Utterance], sets: Mapping[str, str]) -> None:
    for utterance in corpus.track(utterances):
        try:
            read = _read_utterance(corpus, utterance)
        except DataError as error:
            corpus.skip(utterance.id, str(error))
        else:
            corpus.splits[sets[utterance.id]].append(read)
    corpus.note_spoilt()


def read_phones(content: bytes, samples: int, place: str) -> tuple[Ends, Labels]:
    """Return the ends (in samples) and labels of the phones; DataError with the row at fault.

    Rows follow each other without gap from sample 0; the last may end before the sound.
    """
    ends: list[int] = []
    labels: list[int] = []
    for row, line in enumerate(decode_text(content).rstrip("\n\x1a \t").split("\n"), start=1):
        try:
            begin, end, phone = line.split()
            ends.append(_next_end(int(begin), int(end), ends[-1] if ends else 0))
            labels.append(PHONES.index(phone.lower()))
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
    """Return the first pair of copies that go together; DataError if there is none."""
    for files, what in ((utterance.sounds, ".wav"), (utterance.phones, ".phn")):
        if not files:
            there = (utterance.phones + utterance.sounds)[0]
            raise DataError(f"{there}: expected a {what} file beside it, got none; copy it again")
    trouble: list[str] = []
    for sound in utterance.sounds:
        try:
            samples = decode(corpus.read_bytes(sound), str(sound))
            ends, labels = corpus.read_copy(utterance.phones, _phone_reader(len(samples)))
            found = example(utterance.id, samples, ends, labels)
        except DataError as error:
            trouble.append(str(error))
        else:
            corpus.spoilt += trouble
            return found
    raise DataError(trouble[0] + no_better(trouble))


def _phone_reader(samples: int) -> Callable[[bytes, str], tuple[Ends, Labels]]:
    return lambda content, place: read_phones(content, samples, place)


def _official_sets(root: Path, utterances: Iterable[Utterance]) -> Mapping[str, str]:
    """Return id → set; DataError where there is no TRAIN or TEST at all."""
    sets, parts = {}, set()
    for utterance in utterances:
        part = utterance.id.split("/")[0]
        parts.add(part)
        if part == "train":
            sets[utterance.id] = "train"
        elif part == "test" and utterance.speaker in DEVELOPMENT:
            sets[utterance.id] = "valid"
        elif part == "test" and utterance.speaker in CORE_TEST:
            sets[utterance.id] = "test"
    if not parts & {"train", "test"}:
        place = root.absolute()
        near = (p for p in (place, *place.parents[:2]) if p.name.lower() in ("train", "test"))
        above = next(near, None)
        advice = f"set path to {above.parent}" if above else "or set split to speaker or utterance"
        found = ", ".join(sorted(parts)[:5])
        raise DataError(f"{root}: expected TRAIN and TEST in it, got {found}; {advice}")
    return sets


def _report_missing(corpus: Corpus) -> None:
    """Note every set whose count is not Halberstadt's, with the speakers it lacks."""
    listed = {"train": frozenset[str](), "valid": DEVELOPMENT, "test": CORE_TEST}
    for name in SPLITS:
        found = Counter(example.id.split("/")[-2] for example in corpus.splits[name])
        expected = SPEAKERS[name] * UTTERANCES_PER_SPEAKER
        few = {s: n for s, n in found.items() if n != UTTERANCES_PER_SPEAKER}
        if found.total() == expected and not few:
            continue
        absent = sorted(listed[name] - set(found))
        corpus.differs(
            f"{name}: {found.total()} utterances of {len(found)} speakers, TIMIT has {expected} of "
            f"{SPEAKERS[name]}; without any: {', '.join(absent) or 'see the number'}; "
            f"not {UTTERANCES_PER_SPEAKER}: {_listing(few)}"
        )


def _listing(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
