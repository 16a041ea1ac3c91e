"""A stand-in for TIMIT that needs no corpus: eSpeak NG speaks, its phones are the labels.

Speakers are draws of a voice, speed, pitch, intonation and background noise; each speaks in a
process of its own. Sound and labels then go the way of TIMIT's. Alignment is exact: the
synthesiser says at which sample a phone begins. Some 40 of the 61 phones occur; a stop has no
closure of its own.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from odyssey.storage.datasets import DataError, Example
from odyssey.tasks.readers.corpus import Corpus, split_groups
from odyssey.tasks.readers.sound import RATE
from odyssey.tasks.readers.texts import sentence
from odyssey.tasks.readers.timit import example
from odyssey.tasks.readers.timit_facts import PHONES

#: eSpeak's American English with its variants of the voice.
_VARIANTS = """
    m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 Andy Michael Gene Alicia linda steph adam
"""
#: eSpeak's names of phones (without marks of stress) and ours.
_NAMES = """
    p=p b=b t=t t2=t t#=dx d=d k=k g=g ?=q tS=ch dZ=jh f=f v=v T=th D=dh s=s z=z S=sh Z=zh h=hh m=m
    n=n n-=n N=ng l=l @L=el r=r r-=r j=y ;=y w=w i=iy i:=iy I=ih I2=ih I#=ix eI=ey E=eh a=ae aa=ae
    A:=aa 0=aa O:=ao O2=ao O=ao oU=ow U=uh u:=uw V=ah @=ax @2=ax a#=ax @-=ax-h 3=axr 3:=er aI=ay
    aU=aw OI=oy O@=ao o@=ao A@=aa e@=eh i@=iy i@3=iy U@=uh aI3=ay aI@=ay _=pau _:=pau _!=pau
"""
_PHONE = {
    theirs: PHONES.index(ours) for theirs, _, ours in (n.rpartition("=") for n in _NAMES.split())
}
_SILENCE, _PAUSE = PHONES.index("h#"), PHONES.index("pau")


@dataclass(frozen=True)
class Speaker:
    """What tells one speaker from another; ``rate`` in words a minute, the others 0..100."""

    voice: str
    rate: int
    pitch: int
    range: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Speaker":
        """Return a random speaker."""
        variant = rng.choice(_VARIANTS.split())
        return cls(
            f"en-us+{variant}", *(int(rng.integers(*r)) for r in ((130, 221), (25, 76), (20, 81)))
        )


def read_synthetic(corpus: Corpus, seed: int = 1, speakers: int = 36, utterances: int = 8) -> None:
    """Let ``speakers`` say ``utterances`` sentences each; speakers are split 60/20/20, seeded."""
    corpus.labels = PHONES
    corpus.packages = ("espeakng-loader", "scipy", "kaldi_native_fbank")
    names = [f"speaker{k:03}" for k in range(speakers)]
    sets = split_groups(names, seed)
    for k, name in enumerate(corpus.track(names)):
        rng = np.random.default_rng((seed, k))  # a speaker stays the same among more speakers
        speaker = Speaker.draw(rng)
        texts = [sentence(rng) for _ in range(utterances)]
        for n, spoken in enumerate(_spoken(speaker, texts)):
            corpus.splits[sets[name]].append(_recording(f"{name}/{n}", *spoken, rng))


def _spoken(
    speaker: Speaker, texts: Sequence[str]
) -> Iterator[tuple[NDArray[np.int16], int, list[tuple[int, str]]]]:
    """Yield sound, sampling rate and phones (first sample, eSpeak's name) of each text."""
    settings = (speaker.voice, *map(str, (speaker.rate, speaker.pitch, speaker.range)))
    command = [sys.executable, "-m", "odyssey.tasks.readers.espeak", *settings]
    done = subprocess.run(command, input="\n".join(texts).encode(), capture_output=True)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise DataError(f"eSpeak NG must speak as {speaker}, it failed: {' '.join(reason)}")
    rest = done.stdout
    while rest:
        header, _, rest = rest.partition(b"\n")
        spoken = json.loads(header)
        yield np.frombuffer(rest[: spoken["bytes"]], "<i2"), spoken["rate"], spoken["phones"]
        rest = rest[spoken["bytes"] :]


def _recording(
    name: str,
    sound: NDArray[np.int16],
    rate: int,
    phones: Sequence[tuple[int, str]],
    rng: np.random.Generator,
) -> Example:
    """Return one recording: 16 kHz, silence around the speech, noise under it."""
    speech = scipy.signal.resample_poly(sound.astype(np.float64), RATE, rate)
    before, after = rng.integers(RATE // 10, RATE // 4, size=2)
    samples = np.pad(speech, (before, after)) + rng.normal(
        0, rng.uniform(5, 50), len(speech) + before + after
    )
    begins = [before + round(first * RATE / rate) for first, _ in phones]
    labels = _labels([phone for _, phone in phones])
    ends = np.array([*begins, before + len(speech), len(samples)])
    kept = np.diff(ends, prepend=0) > 0
    clipped = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return example(
        name, clipped, ends[kept], np.array([_SILENCE, *labels, _SILENCE], np.int32)[kept]
    )


def _labels(names: Sequence[str]) -> list[int]:
    """Return the classes of eSpeak's phones; pauses at the end are silence, as in TIMIT."""
    bare = [name.lstrip("',") for name in names]
    unknown = sorted(set(bare) - set(_PHONE))
    if unknown:
        raise DataError(f"expected phones of eSpeak's American English, got {unknown[0]!r}")
    labels = [_PHONE[name] for name in bare]
    spoken = max((k for k, label in enumerate(labels) if label != _PAUSE), default=-1)
    return [*labels[: spoken + 1], *[_SILENCE] * (len(labels) - spoken - 1)]
