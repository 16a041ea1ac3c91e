"""The chorales: the original files in their three forms, and music21's edition."""

import contextlib
import faulthandler
import io
import json
import pickle
import sys

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.storage.datasets import SPLITS, DataError
from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.jsb import CHORALES, FRAMES, read_json, read_mat, read_pickle
from odyssey.tasks.readers.scores import read_music21, score_to_roll
from tests.support.data_fixtures import shared

NOTES = {
    "train": [[[60, 64], [62], []], [[21, 108], [50]]],
    "valid": [[[60], [61]]],
    "test": [[[72], [], [74]]],
}


def read(reader, path):
    corpus = Corpus("test")
    reader(corpus, str(path))
    return corpus


def rolls(notes):
    roll = np.zeros((len(notes), 88), np.uint8)
    for t, frame in enumerate(notes):
        roll[t, [note - 21 for note in frame]] = 1
    return roll


def write_mat(path, sets):
    cells = {}
    for name, chorales in sets.items():
        cells[f"{name}data"] = cell = np.empty((1, len(chorales)), object)
        for k, chorale in enumerate(chorales):
            cell[0, k] = chorale
    scipy.io.savemat(path, cells)


def test_original_rolls(tmp_path):
    path = shared("jsb") / "JSB_Chorales.mat"
    dataset = prepare("jsb", "mat", tmp_path / "jsb.h5", path=str(path))
    assert [len(dataset.splits[name]) for name in SPLITS] == [229, 76, 77]
    frames = [len(split.inputs) + len(split) for split in dataset.splits.values()]
    assert frames == [13807, 4602, 4725]
    assert dataset.baselines["uniform"] == pytest.approx(60.997, abs=5e-4)
    assert dataset.baselines["per-pitch Bernoulli"] == pytest.approx(11.091, abs=5e-4)
    assert not dataset.provenance.skipped
    assert dataset.comparable
    assert set(np.unique(dataset.splits["train"].inputs)) == {0, 1}
    assert (dataset.mean == 0).all()
    assert (dataset.std == 1).all()


def test_normalised_rolls_predict_the_same_notes(tmp_path):
    path = str(shared("jsb") / "JSB_Chorales.mat")
    plain = prepare("jsb", "mat", tmp_path / "plain.h5", path=path)
    scaled = prepare("jsb", "mat", tmp_path / "scaled.h5", path=path, normalise=True)
    x, sounded = scaled.splits["train"].inputs, plain.splits["train"].inputs.any(axis=0)
    assert np.abs(x.mean(axis=0)).max() < 1e-4
    assert x.std(axis=0) == pytest.approx(np.where(sounded, 1.0, 0.0), abs=1e-3)
    for name in SPLITS:
        assert (scaled.splits[name].targets == plain.splits[name].targets).all()
    assert scaled.baselines == plain.baselines
    assert scaled.fingerprint != plain.fingerprint


def test_three_forms_are_the_same_data(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(NOTES))
    # As the original: protocol 0, tuples, written by Python 2.
    as_tuples = {name: [[tuple(f) for f in c] for c in sets] for name, sets in NOTES.items()}
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(as_tuples, protocol=0))
    write_mat(tmp_path / "a.mat", {n: [rolls(c) for c in sets] for n, sets in NOTES.items()})
    prints = {
        source: prepare("jsb", source, tmp_path / "o.h5", path=str(tmp_path / f"a.{source}"))
        for source in ("mat", "pickle", "json")
    }
    assert len({dataset.fingerprint for dataset in prints.values()}) == 1
    assert not any(dataset.comparable for dataset in prints.values())
    assert "train: 2 chorales, the paper has 229" in prints["json"].provenance.notes


def chorales_of(frames, low=43, high=97):
    """Return as many chorales as the paper has, with so many frames in each set."""
    rng = np.random.default_rng(1)
    sets = {}
    for name, count in CHORALES.items():
        lengths = np.full(count, frames[name] // count)
        lengths[-1] += frames[name] - lengths.sum()
        sets[name] = [rng.integers(low, high, (length, 4)).tolist() for length in lengths]
    return sets


def write_json(path, sets):
    path.write_text(json.dumps(sets))
    return path


def test_all_chorales_and_frames_are_the_papers(tmp_path):
    corpus = read(read_json, write_json(tmp_path / "a.json", chorales_of(FRAMES)))
    assert corpus.comparable
    assert not corpus.notes


@pytest.mark.parametrize(
    ("change", "times"),
    [
        (lambda chorale: [frame for frame in chorale for _ in range(4)], "4.00"),
        (lambda chorale: [frame for frame in chorale for _ in range(2)], "2.00"),
        (lambda chorale: chorale[::2], "0.50"),
    ],
)
def test_another_time_resolution_is_not_the_papers(tmp_path, change, times):
    sets = {name: list(map(change, found)) for name, found in chorales_of(FRAMES).items()}
    corpus = read(read_json, write_json(tmp_path / "a.json", sets))
    assert not corpus.comparable
    frames = sum(map(len, sets["train"]))
    assert corpus.notes[0] == (
        f"train: {frames} frames, the paper has 13807, one for each quarter note "
        f"({times} times as many)"
    )
    assert [note.partition(":")[0] for note in corpus.notes] == ["train", "valid", "test"]


def test_one_frame_less_is_not_the_papers(tmp_path):
    sets = chorales_of(FRAMES | {"test": FRAMES["test"] - 1})
    corpus = read(read_json, write_json(tmp_path / "a.json", sets))
    assert not corpus.comparable
    assert corpus.notes[0].startswith("test: 4724 frames, the paper has 4725")


def test_chorales_in_other_keys_are_not_the_papers(tmp_path):
    corpus = read(read_json, write_json(tmp_path / "a.json", chorales_of(FRAMES, 36, 82)))
    assert not corpus.comparable
    assert corpus.notes[0] == (
        "train: notes 36 to 81, the paper's chorales are moved to C and have 43 to 96"
    )


def test_a_chorale_left_out_is_marked(tmp_path):
    sets = chorales_of(FRAMES)
    sets["train"][7] = sets["train"][7][:1]
    corpus = read(read_json, write_json(tmp_path / "a.json", sets))
    assert not corpus.comparable
    assert corpus.skipped == {"train/7": "1 frames; a prediction needs 2"}
    assert corpus.notes[0] == "train: 228 chorales, the paper has 229"


@pytest.mark.parametrize(
    "frames",
    [
        "[[60, -1, 55], [62, 64]]",
        "[[60, null, 55], [62, 64]]",
        "[[0, 60, 55], [62, 64, 0, 0]]",
        "[[60, -1.0, 55], [NaN, 62, 64]]",
        "[[60, 55], [62, 64]]",
    ],
)
def test_rests_of_single_voices_are_silent(tmp_path, frames):
    text = json.dumps(NOTES | {"train": "here"}).replace('"here"', f"[{frames}]")
    (tmp_path / "a.json").write_text(text)
    corpus = read(read_json, tmp_path / "a.json")
    x, y = corpus.splits["train"][0][1:]
    np.testing.assert_array_equal(x, rolls([[60, 55]]))
    np.testing.assert_array_equal(y, rolls([[62, 64]]))
    assert any(note.startswith("rests of single voices: ") for note in corpus.notes) == (
        frames != "[[60, 55], [62, 64]]"
    )


def test_frames_without_notes_are_silent(tmp_path):
    sets = NOTES | {"train": [[[60], [], None, [-1, -1, None, 0], [62]]]}
    corpus = read(read_json, write_json(tmp_path / "a.json", sets))
    x, y = corpus.splits["train"][0][1:]
    np.testing.assert_array_equal(np.concatenate([x, y[-1:]]), rolls([[60], [], [], [], [62]]))
    assert corpus.notes[0] == "rests of single voices: 2 of -1, 1 of 0, 1 of null; they are silent"


@pytest.mark.parametrize("key", ["validation", "val", "validdata"])
def test_other_names_of_the_validation_set(tmp_path, key):
    sets = {"train": NOTES["train"], key: NOTES["valid"], "test": NOTES["test"]}
    assert len(read(read_json, write_json(tmp_path / "a.json", sets)).splits["valid"]) == 1


def test_a_pickle_of_python_2(tmp_path):
    # {'train': [[(60, 64), (62L,)]], 'valid': …, 'test': …} as cPickle of Python 2 writes it
    sets = "".join(
        f"S'{name}'\n(lp1\n(lp2\n(I60\nI64\ntp3\na(L62L\nI50\ntp4\naas" for name in SPLITS
    )
    (tmp_path / "a.pickle").write_bytes(f"(dp0\n{sets}.".encode())
    x, y = read(read_pickle, tmp_path / "a.pickle").splits["train"][0][1:]
    np.testing.assert_array_equal(np.concatenate([x, y]), rolls([[60, 64], [62, 50]]))


@pytest.mark.parametrize(
    "cast",
    [
        lambda roll: roll.astype(np.float64),
        lambda roll: roll.astype(bool),
        lambda roll: roll.astype(np.int8),
        np.asfortranarray,
        scipy.sparse.csc_matrix,
    ],
)
def test_numbers_of_every_type_in_a_mat_file(tmp_path, cast):
    sets = {name: [cast(rolls(chorale)) for chorale in found] for name, found in NOTES.items()}
    write_mat(tmp_path / "a.mat", sets)
    x, y = read(read_mat, tmp_path / "a.mat").splits["train"][0][1:]
    np.testing.assert_array_equal(np.concatenate([x, y[-1:]]), rolls(NOTES["train"][0]))


def test_other_mat_files_are_refused_with_what_to_do(tmp_path):
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"
    (tmp_path / "a.mat").write_bytes(header.ljust(2000, b"\0"))
    with pytest.raises(DataError, match=r"got one of 7\.3 \(save it with -v7\)"):
        read(read_mat, tmp_path / "a.mat")
    scipy.io.savemat(tmp_path / "b.mat", {"rolls": np.zeros((4, 88))})
    with pytest.raises(DataError, match=r"lists under the keys train, valid, test, got \[\]"):
        read(read_mat, tmp_path / "b.mat")


def test_a_folder_is_told_what_lies_in_it(tmp_path):
    write_json(tmp_path / "a.json", NOTES)
    with pytest.raises(DataError, match=r"the file of the rolls, got a folder with a\.json; set"):
        read(read_json, tmp_path)


def test_each_frame_predicts_the_next(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(NOTES))
    x, y = read(read_json, tmp_path / "a.json").splits["train"][0][1:]
    np.testing.assert_array_equal(x, rolls([[60, 64], [62]]))
    np.testing.assert_array_equal(y, rolls([[62], []]))


def test_a_chorale_of_one_frame_is_left_out(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(NOTES | {"valid": [[[60]], [[60], [61]]]}))
    corpus = read(read_json, tmp_path / "a.json")
    assert corpus.skipped == {"valid/0": "1 frames; a prediction needs 2"}
    assert len(corpus.splits["valid"]) == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": [[[60], [20]]]}, "train chorale 0: expected .* got 20 in frame 1"),
        ({"test": [[[60], [61]], [[60.5]]]}, "test chorale 1: .* got 60.5 in frame 0"),
        ({"valid": [[["r", 60]]]}, "of rests: nothing, or −1, 0 or null .* got 'r' in frame 0"),
        ({"valid": [[[True, 60]]]}, "got True in frame 0"),
        ({"valid": [3]}, "valid chorale 0"),
        ({"valid": None}, "expected lists under the keys train, valid, test"),
    ],
)
def test_notes_are_checked(tmp_path, changed, message):
    (tmp_path / "a.json").write_text(json.dumps(NOTES | changed))
    with pytest.raises(DataError, match=message) as caught:
        read(read_json, tmp_path / "a.json")
    assert str(caught.value).startswith(str(tmp_path / "a.json"))
    assert "\n" not in str(caught.value)


def test_mat_values_are_checked(tmp_path):
    sets = {name: [np.zeros((4, 88))] for name in SPLITS}
    write_mat(tmp_path / "a.mat", sets | {"valid": [np.full((4, 88), 2)]})
    with pytest.raises(DataError, match="valid chorale 0"):
        read(read_mat, tmp_path / "a.mat")
    write_mat(tmp_path / "a.mat", sets | {"test": [np.zeros((4, 87))]})
    with pytest.raises(DataError, match="test chorale 0"):
        read(read_mat, tmp_path / "a.mat")


class Bomb:
    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('exploded').touch()",))


def test_no_code_of_a_pickle_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(NOTES | {"test": Bomb()}))
    with pytest.raises(DataError, match=r"got a reference to builtins\.exec"):
        read(read_pickle, tmp_path / "a.pickle")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("put", [b"r\xff\xff\xff\x0f", b"p268435455\n"])
def test_a_pickle_that_asks_for_gigabytes_is_refused(tmp_path, put):
    (tmp_path / "a").write_bytes(b"\x80\x02}" + put + b".")
    with pytest.raises(DataError, match=r"a: .* got place 268435455 of the memo in \d+ bytes"):
        read(read_pickle, tmp_path / "a")


def mat_content():
    file = io.BytesIO()
    write_mat(file, {name: [rolls(c) for c in chorales] for name, chorales in NOTES.items()})
    return file.getvalue()


CONTENT = {
    read_pickle: pickle.dumps(NOTES, protocol=2),
    read_json: json.dumps(NOTES).encode(),
    read_mat: mat_content(),
}


@pytest.fixture(scope="module")
def quiet_crashes():
    """Processes may crash without pytest's report of it."""
    faulthandler.disable()
    yield
    faulthandler.enable(sys.__stderr__)


@pytest.mark.parametrize("reader", [read_pickle, read_json, read_mat])
@given(data=st.data())
@settings(max_examples=60)
def test_no_bytes_crash_a_reader(reader, data, tmp_path_factory, quiet_crashes):
    path = tmp_path_factory.mktemp("fuzz") / "a"
    valid = bytearray(CONTENT[reader])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(valid)))
        valid[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path.write_bytes(valid)
    with contextlib.suppress(DataError):
        read(reader, path)


@pytest.mark.parametrize("reader", [read_pickle, read_json, read_mat])
def test_undamaged_bytes_are_read(reader, tmp_path):
    (tmp_path / "a").write_bytes(CONTENT[reader])
    assert len(read(reader, tmp_path / "a").splits["train"]) == 2


def test_damage_that_crashes_scipy_is_an_error_of_ours(tmp_path, quiet_crashes):
    content = bytearray(CONTENT[read_mat])
    content[240:248] = b"\x66\xd2\0\0\x08\1"  # the first roll claims 53,862 rows, 2 bytes are lost
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mat: expected a MATLAB file .*, got") as caught:
        read(read_mat, tmp_path / "a.mat")
    assert "\n" not in str(caught.value)


def test_missing_file():
    with pytest.raises(DataError, match=r"none\.mat: cannot be read \(No such file"):
        read(read_mat, "none.mat")


def score(*parts):
    from music21 import note, stream

    return stream.Score(
        [
            stream.Part([note.Note(p, quarterLength=q) if p else note.Rest(q) for p, q in part])
            for part in parts
        ]
    )


def test_a_score_becomes_a_roll_in_c():
    roll = score_to_roll(score([("A4", 1.5), ("B4", 0.5), ("F#4", 2)], [("D3", 2), ("D3", 2)]))
    # D goes down to C and an octave up; what sounds on each quarter counts, not what starts there.
    assert [[int(k) + 21 for k in np.flatnonzero(frame)] for frame in roll] == [
        [60, 79],
        [60, 79],
        [60, 76],
        [60, 76],
    ]


def test_bundled_chorales():
    corpora = [Corpus("test") for _ in range(2)]
    for corpus in corpora:
        read_music21(corpus, seed=3, chorales=12)
    first, second = ([e for name in SPLITS for e in corpus.splits[name]] for corpus in corpora)
    assert [e.id for e in first] == [e.id for e in second]
    assert all((a.x == b.x).all() for a, b in zip(first, second, strict=True))
    assert corpora[0].skipped.keys() == {"bwv1.6.mxl", "bwv112.5-sc.mxl"}
    assert [len(corpora[0].splits[name]) for name in SPLITS] == [6, 2, 2]
    voices = np.concatenate([e.x for e in first]).sum(axis=1)
    assert np.isin(voices, range(5)).all()
    assert voices.mean() > 3.5


def test_the_same_notes_count_once(monkeypatch):
    import music21

    names = ("bwv18.5-lz.mxl", "bwv18.5-w.mxl", "bwv2.6.mxl", "bwv253.mxl")
    paths = [path for path in music21.corpus.getComposer("bach") if path.name in names]
    monkeypatch.setattr(music21.corpus, "getComposer", lambda _: paths)
    corpus = Corpus("test")
    read_music21(corpus)
    assert corpus.skipped == {"bwv18.5-w.mxl": "the same notes as bwv18.5-lz"}
    assert sum(len(found) for found in corpus.splits.values()) == 3
