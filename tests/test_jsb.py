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
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.datasets import SPLITS, DataError
from odyssey.tasks.corpus import Corpus
from odyssey.tasks.jsb import read_json, read_mat, read_music21, read_pickle, score_to_roll
from odyssey.tasks.prepare import prepare
from tests.data_fixtures import shared

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
        ({"valid": [[["c"]]]}, "valid chorale 0"),
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
