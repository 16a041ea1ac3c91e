"""TIMIT's layout: made-up trees with its quirks, and real speech."""

import contextlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.datasets import SPLITS, DataError
from odyssey.tasks.corpus import Corpus
from odyssey.tasks.prepare import prepare
from odyssey.tasks.timit import frame_labels, read_phones, read_timit
from odyssey.tasks.timit_facts import CORE_TEST, DEVELOPMENT, PHONES
from tests.data_fixtures import shared
from tests.test_sound import riff, sphere

TONE = (3000 * np.sin(np.arange(4000) / 5)).astype(np.int16)
ROWS = "0 1000 h#\n1000 2500 aa\n2500 3600 h#\n"


def write_utterance(folder, name="SX1", sound=None, phones=ROWS, suffix=".WAV"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}{suffix}").write_bytes(sphere(TONE) if sound is None else sound)
    (folder / f"{name}.PHN").write_text(phones)


def read(root, split="official"):
    corpus = Corpus("test")
    read_timit(corpus, str(root), split, seed=1)
    return corpus


def ids(corpus):
    return {name: [example.id for example in corpus.splits[name]] for name in SPLITS}


def test_facts_are_consistent():
    assert (len(PHONES), len(set(PHONES)), len(DEVELOPMENT), len(CORE_TEST)) == (61, 61, 50, 24)
    assert not DEVELOPMENT & CORE_TEST
    assert list(PHONES) == sorted(PHONES, key=lambda phone: re.sub(r"h#", "h!", phone))


def test_facts_are_those_of_the_lists():
    lists = shared("timit_lists")
    assert set((lists / "dev_spk.list").read_text().split()) == DEVELOPMENT
    assert set((lists / "test_spk.list").read_text().split()) == CORE_TEST
    rows = (lists / "phones.60-48-39.map").read_text().splitlines()
    assert {row.split()[0] for row in rows} == set(PHONES)


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_halberstadts_sets(tmp_path, case):
    for part, speaker, name in (
        ("TRAIN", "FCJF0", "SI1"),
        ("TRAIN", "FCJF0", "SA1"),
        ("TEST", "FAKS0", "SX2"),
        ("TEST", "MDAB0", "SX3"),
        ("TEST", "MZZZ9", "SX4"),  # in neither set
    ):
        write_utterance(tmp_path / case(f"{part}/DR1/{speaker}"), case(name), suffix=case(".WAV"))
    corpus = read(tmp_path)
    assert ids(corpus) == {
        "train": ["train/dr1/fcjf0/si1"],
        "valid": ["test/dr1/faks0/sx2"],
        "test": ["test/dr1/mdab0/sx3"],
    }
    assert [note.partition(";")[0] for note in corpus.notes] == [
        "train: 1 utterances of 1 speakers, TIMIT has 3696 of 462",
        "valid: 1 utterances of 1 speakers, TIMIT has 400 of 50",
        "test: 1 utterances of 1 speakers, TIMIT has 192 of 24",
    ]
    assert "without any: fcmh0" not in corpus.notes[2]
    assert "fdhc0, felc0" in corpus.notes[2]
    assert "not 8: mdab0 1" in corpus.notes[2]


def test_complete_sets_leave_no_note(tmp_path):
    names = [f"SX{k}" for k in range(8)]
    people = [("TEST", s) for s in DEVELOPMENT | CORE_TEST]
    people += [("TRAIN", f"M{k:03}0") for k in range(462)]
    sound = sphere(TONE[:400])
    for part, speaker in people:
        for name in names:
            write_utterance(tmp_path / part / "DR1" / speaker.upper(), name, sound, "0 400 h#\n")
    corpus = read(tmp_path)
    assert [len(corpus.splits[name]) for name in SPLITS] == [3696, 400, 192]
    assert not corpus.notes
    assert not corpus.skipped
    assert corpus.comparable


def test_features_and_labels_go_together(tmp_path):
    write_utterance(tmp_path / "TRAIN/DR1/A")
    x, y = read(tmp_path).splits["train"][0][1:]
    # Windows of 400 samples every 160; labels end at 3600, so the window around 3720 has none.
    assert [PHONES[k] for k in y] == ["h#"] * 5 + ["aa"] * 10 + ["h#"] * 7
    assert x.shape == (22, 39)


def test_riff_copies_serve_where_sphere_is_missing(tmp_path):
    write_utterance(tmp_path / "TRAIN/DR1/A", suffix=".WAV.wav", sound=riff(TONE))
    write_utterance(tmp_path / "TRAIN/DR1/A", "SX2", suffix=".WAV.wav", sound=b"not read")
    write_utterance(tmp_path / "TRAIN/DR1/A", "SX2")
    corpus = read(tmp_path)
    first, second = corpus.splits["train"]
    np.testing.assert_array_equal(first.x, second.x)


def test_split_by_speaker_and_by_utterance(tmp_path):
    for speaker in "abcde":
        for k in range(3):
            write_utterance(tmp_path / speaker, f"u{k}")
    speakers = {
        name: {i.split("/")[0] for i in found}
        for name, found in ids(read(tmp_path, "speaker")).items()
    }
    assert [len(speakers[name]) for name in SPLITS] == [3, 1, 1]
    assert not speakers["train"] & speakers["test"]
    found = ids(read(tmp_path, "utterance"))
    assert [len(found[name]) for name in SPLITS] == [9, 3, 3]


def test_bad_recordings_are_left_out_and_the_rest_goes_on(tmp_path):
    folder = tmp_path / "TRAIN/DR1/A"
    write_utterance(folder, "GOOD")
    write_utterance(folder, "CUT", sound=sphere(TONE)[:-10])
    write_utterance(folder, "GAP", phones="0 1000 h#\n1010 2500 aa\n")
    write_utterance(folder, "NAME", phones="0 1000 h#\n1000 2500 xx\n")
    write_utterance(folder, "LONG", phones="0 9999 h#\n")
    write_utterance(folder, "SHORT", sound=sphere(TONE[:100]), phones="0 100 h#\n")
    write_utterance(folder, "MUTE")
    (folder / "MUTE.WAV").unlink()
    (folder / "SILENT.WAV").write_bytes(sphere(TONE))
    corpus = read(tmp_path)
    assert ids(corpus)["train"] == ["train/dr1/a/good"]
    expected = {
        "cut": r"CUT\.WAV: expected 4000 samples .* truncated",
        "gap": r"GAP\.PHN:2: .* got '1010 2500 aa' \(gap or overlap after 1000\)",
        "name": r"NAME\.PHN:2: .* one of 61 phones, got '1000 2500 xx'",
        "long": r"LONG\.PHN: expected phones for 4000 samples, got 1 up to sample 9999",
        "short": "at least one labelled frame",
        "mute": "expected a .wav and a .phn file, one is missing",
        "silent": "expected a .wav and a .phn file, one is missing",
    }
    assert corpus.skipped.keys() == {f"train/dr1/a/{name}" for name in expected}
    for name, pattern in expected.items():
        assert re.search(pattern, corpus.skipped[f"train/dr1/a/{name}"]), name


def test_no_folder():
    with pytest.raises(DataError, match="expected the folder of TIMIT, there is none"):
        read("/nowhere/at/all")


@given(st.text(st.sampled_from("0129 \n-#aqh.x\0é"), max_size=60), st.integers(0, 10**6))
def test_no_text_crashes_the_phone_reader(text, samples):
    with contextlib.suppress(DataError):
        ends, labels = read_phones(text.encode(), samples, "x.phn")
        assert (np.diff(ends, prepend=0) > 0).all()
        assert len(ends) == len(labels)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=8), st.integers(0, 4000))
def test_a_frame_has_the_phone_at_its_middle(durations, samples):
    ends = np.cumsum(durations)
    by_sample = np.repeat(np.arange(len(ends)), durations)
    found = frame_labels(ends, np.arange(len(ends), dtype=np.int32), samples)
    middles = [m for m in range(200, samples - 199, 160) if m < ends[-1]]
    np.testing.assert_array_equal(found, by_sample[middles])


def test_real_speech(tmp_path):
    root = shared("speech_timit_layout")
    dataset = prepare("timit", "timit", tmp_path / "a.h5", path=str(root), split="utterance")
    assert sum(len(split) for split in dataset.splits.values()) == 109
    assert not dataset.provenance.skipped
    assert not dataset.comparable
    assert dataset.description == (
        "recordings in TIMIT's layout, split by utterance; figures do not compare with the paper's"
    )
    assert len(dataset.provenance.files) == 218
    silent, speech = (
        [
            x[:, 0].mean()
            for x, y in [(s.inputs[s.targets == k], 0) for s in dataset.splits.values()]
        ]
        for k in (PHONES.index("h#"), PHONES.index("aa"))
    )
    assert max(silent) < -0.5 < 0.5 < min(speech)  # normalised log energy
    assert 85 < dataset.baselines["majority class"] < 96
