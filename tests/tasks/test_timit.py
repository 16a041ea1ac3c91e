"""TIMIT's layout: made-up trees with its quirks, and real speech."""

import contextlib
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.storage.datasets import SPLITS, DataError
from odyssey.tasks import tree
from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.timit import frame_labels, read_phones, read_timit
from odyssey.tasks.readers.timit_facts import CORE_TEST, DEVELOPMENT, PHONES
from tests.support.data_fixtures import shared
from tests.tasks.test_sound import riff, sphere

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


def complete(root):
    """Write Halberstadt's sets, an instant for each recording, and read them."""
    names = [f"SX{k}" for k in range(8)]
    people = [("TEST", s) for s in DEVELOPMENT | CORE_TEST]
    people += [("TRAIN", f"M{k:03}0") for k in range(462)]
    sound = sphere(TONE[:400])
    for part, speaker in people:
        for name in names:
            write_utterance(root / part / "DR1" / speaker.upper(), name, sound, "0 400 h#\n")
    return read(root)


def test_complete_sets_leave_no_note(tmp_path):
    corpus = complete(tmp_path)
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


BROKEN = {
    "empty": b"",
    "cut": sphere(TONE)[:-10],
    "noise": bytes(range(256)),
    "shortened": sphere(sample_coding="-s26 pcm,embedded-shorten-v2.00"),
    "another rate": sphere(TONE, sample_rate="-i 8000"),
    "of another sentence": sphere(TONE[:100]),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("SX1.WAV", "SX1.WAV.wav"),
        ("SX1.WAV.wav", "SX1.WAV"),
        ("sx1.wav", "SX1.WAV"),
        ("SX1.WAV", "sx1.wav"),
        ("SX1.WAV", "SX1.SPH"),
        ("SX1.WAV", "SX1 (1).WAV"),
        ("SX1.WAV", "SX1 - Copy.WAV"),
        ("SX1.WAV", "Copy of SX1.WAV"),
    ],
)
def test_the_good_copy_is_read_and_the_broken_one_passed_over(tmp_path, bad, good, broken):
    write_utterance(tmp_path / "TRAIN/DR1/A")
    folder = tmp_path / "TRAIN/DR1/A"
    (folder / "SX1.WAV").unlink()
    (folder / bad).write_bytes(broken)
    (folder / good).write_bytes(sphere(TONE))
    corpus = read(tmp_path)
    assert ids(corpus)["train"] == ["train/dr1/a/sx1"]
    assert not corpus.skipped
    first = bad if broken != BROKEN["of another sentence"] else "SX1.PHN"
    if corpus.files.get(f"TRAIN/DR1/A/{bad}"):  # it was tried before the good one
        assert corpus.notes[0].startswith("1 files that cannot be read have a good copy")
        assert f"{folder}/{first}" in corpus.notes[0]


@pytest.mark.parametrize("bad", [b"", b"0 1000 h#\n1100 2500 aa\n", b"0 9999 h#\n"])
def test_the_good_copy_of_the_phones_is_read(tmp_path, bad):
    folder = tmp_path / "TRAIN/DR1/A"
    write_utterance(folder)
    (folder / "SX1.PHN").rename(folder / "sx1.phn")
    (folder / "SX1.PHN").write_bytes(bad)
    corpus = read(tmp_path)
    assert ids(corpus)["train"] == ["train/dr1/a/sx1"]
    assert "SX1.PHN" in corpus.notes[0]


def test_a_recording_without_any_good_copy_is_left_out_once(tmp_path):
    folder = tmp_path / "TRAIN/DR1/A"
    write_utterance(folder, sound=b"")
    write_utterance(folder, sound=b"RIFF", suffix=".WAV.wav")
    corpus = read(tmp_path)
    reason = corpus.skipped.pop("train/dr1/a/sx1")
    assert reason.startswith(f"{folder}/SX1.WAV: expected a SPHERE or RIFF sound file, it is empty")
    assert reason.endswith("(nor can any of 1 copies be read)")
    assert not corpus.skipped


def test_two_copies_of_the_tree_are_one_corpus(tmp_path):
    for place in ("TIMIT/TRAIN", "backup/timit/train", "test/TIMIT/TRAIN"):
        write_utterance(tmp_path / place / "DR1/FCJF0")
    assert ids(read(tmp_path))["train"] == ["train/dr1/fcjf0/sx1"]


def test_what_desktops_leave_behind_is_no_recording(tmp_path):
    write_utterance(tmp_path / "TRAIN/DR1/A")
    write_utterance(tmp_path / "__MACOSX/TRAIN/DR1/A", "._SX1", sound=b"\0\5\x16\7")
    for name in ("._SX1.WAV", "._SX1.PHN", "Thumbs.db", ".DS_Store", "SX1.TXT", "SX1.WRD"):
        (tmp_path / "TRAIN/DR1/A" / name).write_bytes(b"\0\5\x16\7")
    corpus = read(tmp_path)
    assert ids(corpus)["train"] == ["train/dr1/a/sx1"]
    assert not corpus.skipped


def test_linked_folders_are_followed_once(tmp_path):
    write_utterance(tmp_path / "elsewhere/DR1/A")
    root = tmp_path / "timit"
    root.mkdir()
    (root / "TRAIN").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(root)
    assert ids(read(root))["train"] == ["train/dr1/a/sx1"]


@pytest.mark.parametrize("above", ["", "TIMIT", "data/lisa/data/timit/raw"])
def test_the_path_may_point_above_the_sets(tmp_path, above):
    write_utterance(tmp_path / above / "TRAIN/DR1/A")
    assert ids(read(tmp_path))["train"] == ["train/dr1/a/sx1"]


@pytest.mark.parametrize("inside", ["TRAIN", "train/dr1", "TEST/DR1/A"])
def test_a_path_inside_the_sets_is_told_where_they_are(tmp_path, inside):
    write_utterance(tmp_path / inside / "B" if "A" not in inside else tmp_path / inside)
    with pytest.raises(DataError, match=r"expected TRAIN and TEST in it, got ") as caught:
        read(tmp_path / inside)
    assert str(caught.value).endswith(f"; set path to {tmp_path}")


def test_other_recordings_are_told_of_the_other_splits(tmp_path):
    write_utterance(tmp_path / "anna")
    with pytest.raises(DataError, match=r"got anna; or set split to speaker or utterance"):
        read(tmp_path)


def test_a_folder_without_recordings(tmp_path):
    with pytest.raises(DataError, match=r"expected \.WAV and \.PHN files in it, got none"):
        read(tmp_path)
    (tmp_path / "timit.tgz").touch()
    with pytest.raises(DataError, match=r"the folder of TIMIT, got a file; unpack it"):
        read(tmp_path / "timit.tgz")


def test_a_name_that_is_no_text(tmp_path):
    folder = tmp_path / os.fsdecode(b"b\xf6se")
    for k in range(4):
        write_utterance(folder, f"u{k}", sound=None if k else b"")
    out = tmp_path / "a.h5"
    dataset = prepare("timit", "timit", out, path=str(tmp_path), split="utterance")
    assert list(dataset.provenance.skipped) == ["b\\udcf6se/u0"]
    assert all(tree.digest(tmp_path, n) == d for n, d in dataset.provenance.files.items())


def test_one_missing_recording_is_marked(tmp_path):
    corpus = complete(tmp_path)
    assert corpus.comparable
    (tmp_path / "TEST/DR1/MDAB0/SX3.WAV").write_bytes(b"")
    (tmp_path / "TRAIN/DR1/M0000/SX3.PHN").unlink()
    corpus = read(tmp_path)
    assert not corpus.comparable
    assert corpus.skipped.keys() == {"test/dr1/mdab0/sx3", "train/dr1/m0000/sx3"}
    assert [note.partition(" speakers")[0] for note in corpus.notes] == [
        "train: 3695 utterances of 462",
        "test: 191 utterances of 24",
    ]


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
        "mute": r"MUTE\.PHN: expected a \.wav file beside it, got none",
        "silent": r"SILENT\.WAV: expected a \.phn file beside it, got none",
    }
    assert corpus.skipped.keys() == {f"train/dr1/a/{name}" for name in expected}
    for name, pattern in expected.items():
        assert re.search(pattern, corpus.skipped[f"train/dr1/a/{name}"]), name


@pytest.mark.parametrize(
    ("gone", "got"), [("*.PHN", ".wav but no .phn"), ("*.WAV", ".phn but no .")]
)
def test_recordings_without_one_kind_of_file(tmp_path, gone, got):
    for k in range(3):
        write_utterance(tmp_path / "anna", f"u{k}")
    for path in tmp_path.rglob(gone):
        path.unlink()
    with pytest.raises(DataError, match=f"side by side, got {re.escape(got)}"):
        read(tmp_path, "utterance")


def test_no_folder():
    with pytest.raises(DataError, match="expected the folder of TIMIT, there is none"):
        read("/nowhere/at/all")


@given(st.text(st.sampled_from("0129 \n-#aqh.x\0é"), max_size=60), st.integers(0, 10**6))
def test_no_text_crashes_the_phone_reader(text, samples):
    with contextlib.suppress(DataError):
        ends, labels = read_phones(text.encode(), samples, "x.phn")
        assert (np.diff(ends, prepend=0) > 0).all()
        assert len(ends) == len(labels)
    assert len(read_phones(ROWS.encode(), 4000, "x.phn")[0]) == 3


@pytest.mark.parametrize(
    "text",
    [ROWS.replace("\n", "\r\n"), ROWS.replace("\n", "\r"), f"\ufeff{ROWS}\n \x1a", ROWS.upper()],
)
def test_rows_of_phones_as_other_systems_write_them(text):
    ends, labels = read_phones(text.encode(), 4000, "x.phn")
    assert [PHONES[label] for label in labels] == ["h#", "aa", "h#"]
    assert ends.tolist() == [1000, 2500, 3600]


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
    assert len(dataset.provenance.files) == 218 + len(("*.phn", "*.wav", "*.sph"))
    for name, found in dataset.provenance.files.items():
        assert tree.digest(root, name) == found
    silent, speech = (
        [
            x[:, 0].mean()
            for x, y in [(s.inputs[s.targets == k], 0) for s in dataset.splits.values()]
        ]
        for k in (PHONES.index("h#"), PHONES.index("aa"))
    )
    assert max(silent) < -0.5 < 0.5 < min(speech)  # normalised log energy
    assert 85 < dataset.baselines["majority class"] < 96
