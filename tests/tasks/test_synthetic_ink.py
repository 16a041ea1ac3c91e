"""The written stand-in: same seed, same bits; every character; ink that looks like writing."""

import numpy as np
import pytest

from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.ink import CHARACTERS, decode
from odyssey.tasks.readers.synthetic_ink import _FONTS, Writer, _glyph, read_synthetic, write
from odyssey.tasks.readers.texts import sentence, written_line

PLAIN = Writer("futural", slant=0, size=1, speed=300, jitter=0, rise=0, delays=False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def changed(**changes):
    return Writer(**(PLAIN.__dict__ | changes))


def test_same_seed_same_bits(tmp_path):
    first, second, other = (
        prepare("iamondb", "synthetic", tmp_path / "a.h5", seed=seed, writers=5).fingerprint
        for seed in (5, 5, 6)
    )
    assert first == second != other


def test_training_lines_have_all_characters():
    corpus = Corpus("test")
    read_synthetic(corpus)
    texts = {name: "".join(decode(e.y) for e in found) for name, found in corpus.splits.items()}
    assert set(texts["train"]) == set(CHARACTERS)
    assert [len(found) for found in corpus.splits.values()] == [240, 80, 80]
    assert max(len(e.y) for found in corpus.splits.values() for e in found) <= 25


@pytest.mark.parametrize("font", _FONTS)
def test_every_font_has_every_character(font):
    for character in CHARACTERS:
        strokes, width = _glyph(font, character)
        assert width > 0
        assert (character == " ") == (not strokes)


def test_points_follow_speed_and_clock(rng):
    for stroke in write(changed(speed=250), "Hello", rng):
        steps = np.hypot(*np.diff(stroke[:, :2], axis=0).T)
        assert (steps <= 2.5 + 1e-9).all()
        np.testing.assert_allclose(np.diff(stroke[:-1, 2]), 0.01)
    times = np.concatenate([stroke[:, 2] for stroke in write(PLAIN, "two words", rng)])
    assert (np.diff(times) > 0).all()


def test_style(rng):
    upright, slanted, large = (
        np.concatenate(write(writer, "l", rng))
        for writer in (PLAIN, changed(slant=1), changed(size=2))
    )
    assert np.ptp(upright[:, 0]) == pytest.approx(0)
    assert np.ptp(slanted[:, 0]) == pytest.approx(np.ptp(upright[:, 1]))
    assert np.ptp(large[:, 1]) == pytest.approx(2 * np.ptp(upright[:, 1]))


def test_dots_wait_for_the_end_of_the_word(rng):
    at_once, delayed = write(PLAIN, "in", rng), write(changed(delays=True), "in", rng)
    assert len(at_once) == len(delayed) == 4
    tops = [stroke[:, 1].max() for stroke in at_once], [stroke[:, 1].max() for stroke in delayed]
    assert np.argmin(tops[0]) == 1  # the dot, y growing downwards
    assert np.argmin(tops[1]) == 3


def test_texts(rng):
    sentences = [sentence(rng) for _ in range(50)]
    assert all(text[0].isupper() and text.endswith(".") for text in sentences)
    assert len(set(sentences)) > 45
    for _ in range(200):
        assert 0 < len(written_line(rng, 12)) <= 12
