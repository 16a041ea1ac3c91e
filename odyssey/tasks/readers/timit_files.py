"""The files of TIMIT, and of recordings in its layout, with all their copies."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from odyssey.storage.datasets import DataError
from odyssey.tasks.readers.corpus import Corpus

#: Ends of the names of sounds and phones; of copies the first kind is tried first.
_SOUNDS, _PHONES = (".wav", ".wav.wav", ".sph"), (".phn",)
#: TIMIT's name of a sentence, inside those that desktops give to copies.
_SENTENCE = re.compile(r"(?:copy of )?(s[aix]\d+)(?: ?-? ?copy)?(?: ?\(\d+\))?")


@dataclass
class Utterance:
    """Files of one recording, copies behind each other.

    ``id`` is its lower-case path, in TIMIT from the set on: ``train/dr1/fcjf0/sx37``.
    """

    id: str
    phones: list[Path] = field(default_factory=list)
    sounds: list[Path] = field(default_factory=list)

    @property
    def speaker(self) -> str:
        """The folder's name."""
        return self.id.rpartition("/")[0].rpartition("/")[2]


def find_utterances(corpus: Corpus, official: bool) -> list[Utterance]:
    """Return the recordings under the corpus's folder, by name, also those that lack a file."""
    root = corpus.root
    if not root.is_dir():
        came = "got a file; unpack it" if root.exists() else "there is none; check the path"
        raise DataError(f"{root}: expected the folder of TIMIT, {came}")
    found: dict[str, Utterance] = {}
    for path in corpus.walk(root, *_PHONES, ".wav", ".sph"):
        id_ = _identity(path.relative_to(root), official)
        files = found.setdefault(id_, Utterance(id_))
        (files.phones if path.name.lower().endswith(_PHONES) else files.sounds).append(path)
    if not found:
        raise DataError(f"{root}: expected .WAV and .PHN files in it, got none; check the path")
    for files in found.values():
        files.sounds.sort(key=lambda path: _kind(path.name))  # stable
    utterances = (found[id_] for id_ in sorted(found, key=lambda id_: id_.split("/")))
    return [u for u in utterances if u.id.rpartition("/")[2] not in ("sa1", "sa2")]


def _kind(name: str) -> int:
    """Return the number of the longest end of a name among those of sounds."""
    return max(k for k, end in enumerate(_SOUNDS) if name.lower().endswith(end))


def _identity(path: Path, official: bool) -> str:
    """Return what all copies of a recording have in common."""
    *folders, name = (part.lower() for part in path.parts)
    end = _PHONES[0] if name.endswith(_PHONES) else _SOUNDS[_kind(name)]
    stem = name.removesuffix(end)
    if official:
        sentence = _SENTENCE.fullmatch(stem)
        stem = sentence[1] if sentence else stem
        sets = [k for k, part in enumerate(folders) if part in ("train", "test")]
        folders = folders[sets[-1] :] if sets else folders
    return "/".join([*folders, stem])
