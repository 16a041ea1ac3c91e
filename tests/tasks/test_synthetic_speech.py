"""The spoken stand-in: same seed, same bits; labels where the sound is."""

import numpy as np
import pytest

from odyssey.storage.datasets import DataError
from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.synthetic_speech import (
    _PHONE,
    _VARIANTS,
    Speaker,
    _labels,
    _spoken,
    read_synthetic,
)
from odyssey.tasks.readers.timit_facts import PHONES

SMALL = {"speakers": 4, "utterances": 2}


def examples(**options):
    corpus = Corpus("test")
    read_synthetic(corpus, **(SMALL | options))
    return {e.id: e for split in corpus.splits.values() for e in split}


def test_same_seed_same_bits(tmp_path):
    first, second, other = (
        prepare("timit", "synthetic", tmp_path / "a.h5", seed=seed, **SMALL).fingerprint
        for seed in (5, 5, 6)
    )
    assert first == second != other


def test_speakers_stay_the_same_among_more():
    few, many = examples(), examples(speakers=5)
    assert len(few) == 8
    assert len(many) == 10
    for name, example in few.items():
        np.testing.assert_array_equal(example.x, many[name].x)


@pytest.mark.parametrize("variant", _VARIANTS.split())
def test_every_voice_speaks_and_only_known_phones(variant):
    text = "Zoe thought of five good books and a cup of coffee, she said, for an hour."
    (sound, rate, phones), *more = _spoken(Speaker(f"en-us+{variant}", 170, 50, 50), [text])
    assert not more
    assert 2 < len(sound) / rate < 9
    assert {name.lstrip("',") for _, name in phones} <= set(_PHONE)


def test_breath_is_seeded():
    speaker = Speaker("en-us+f2", 170, 50, 50)
    (first, *_), (second, *_) = (next(_spoken(speaker, ["A boy."])) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_unknown_voice():
    with pytest.raises(DataError, match="has no voice 'nobody'"):
        next(_spoken(Speaker("nobody", 170, 50, 50), ["A boy."]))


def test_labels_fit_the_sound():
    found = examples(speakers=6, utterances=4).values()
    energy = np.concatenate([example.x[:, 0] for example in found])
    slope = np.concatenate([np.abs(np.diff(e.x[:, 1:13], axis=0)).mean(axis=1) for e in found])
    labels = np.concatenate([example.y for example in found])
    changes = np.concatenate([np.diff(example.y) != 0 for example in found])
    loudness = {
        phone: energy[labels == PHONES.index(phone)].mean() for phone in ("h#", "s", "aa", "ow")
    }
    assert loudness["h#"] < loudness["s"] < min(loudness["aa"], loudness["ow"])
    assert slope[changes].mean() > 1.5 * slope[~changes].mean()


def test_pauses_at_the_end_are_silence():
    names = ["'A@", "_:", "t#", "_:", "_"]
    assert [PHONES[k] for k in _labels(names)] == ["aa", "pau", "dx", "h#", "h#"]
    with pytest.raises(DataError, match="got 'qq'"):
        _labels(["qq"])
