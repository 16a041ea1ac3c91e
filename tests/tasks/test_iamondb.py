"""IAM-OnDB's layout: a made-up tree with its quirks, and real ink."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.storage.datasets import SPLITS, DataError
from odyssey.tasks import tree
from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.iamondb import read_iamondb, read_lines, read_strokes
from odyssey.tasks.readers.ink import decode
from tests.support.data_fixtures import shared

POINTS = "".join(f'<Point x="{k}" y="{k * k}" time="{k / 10}"/>' for k in range(40))
STROKES = f"<StrokeSet><Stroke>{POINTS}</Stroke></StrokeSet>"
XML = f"<WhiteboardCaptureSession>{STROKES}</WhiteboardCaptureSession>"


def write_board(root, board, texts=("a line", "and one more"), files=None, strokes="lineStrokes"):
    series, base = board[:3], board[:7]
    ink, text = root / strokes / series / base, root / "ascii" / series / base
    for folder in (ink, text):
        folder.mkdir(parents=True, exist_ok=True)
    for number in files or range(1, len(texts) + 1):
        (ink / f"{board}-{number:02}.xml").write_text(XML)
    body = "\n".join(texts)
    (text / f"{board}.txt").write_text(f"OCR:\n\nrubbish\n\nCSR:\n\n{body}\n")


def write_lists(root, train="a01-000u", valid_v="b01-000v", valid_t="c01-000w", test="d01-000x"):
    for name, boards in (
        ("trainset", train),
        ("testset_v", valid_v),
        ("testset_t", valid_t),
        ("testset_f", test),
    ):
        (root / f"{name}.txt").write_text("".join(f" {board}\n" for board in boards.split()))


@pytest.fixture
def root(tmp_path):
    for board in ("a01-000u", "b01-000v", "c01-000w", "d01-000x"):
        write_board(tmp_path, board)
    write_lists(tmp_path)
    return tmp_path


def read(root):
    corpus = Corpus("test")
    read_iamondb(corpus, str(root))
    return corpus


def ids(corpus):
    return {name: [example.id for example in corpus.splits[name]] for name in SPLITS}


def test_four_lists_make_three_sets(root):
    corpus = read(root)
    assert ids(corpus) == {
        "train": ["a01-000u-01", "a01-000u-02"],
        "valid": ["b01-000v-01", "b01-000v-02", "c01-000w-01", "c01-000w-02"],
        "test": ["d01-000x-01", "d01-000x-02"],
    }
    assert [decode(example.y) for example in corpus.splits["train"]] == ["a line", "and one more"]
    assert corpus.notes[0].startswith("train: 2 lines, the paper has 5355")
    assert not corpus.skipped


def test_folders_as_they_unpack(root):
    (root / "lineStrokes-all").mkdir()
    (root / "lineStrokes").rename(root / "lineStrokes-all/lineStrokes")
    (root / "sets").mkdir()
    for path in root.glob("*set*.txt"):
        path.rename(root / "sets" / path.name)
    assert len(read(root).splits["train"]) == 2


def test_ids_with_and_without_letter(root):
    write_board(root, "a02-001")
    write_board(root, "a02-002x")
    write_board(root, "a02-002z")
    write_lists(root, train="a02-001z a02-002")
    assert [i[:-3] for i in ids(read(root))["train"][::2]] == ["a02-001", "a02-002x", "a02-002z"]


def test_the_paper_leaves_a_board_out(root):
    write_board(root, "a08-551z")
    write_lists(root, train="a01-000u a08-551z")
    corpus = read(root)
    assert corpus.skipped == {"a08-551z": "left out by the paper"}
    assert len(corpus.splits["train"]) == 2


def test_bad_boards_are_left_out_and_the_rest_goes_on(root):
    write_board(root, "a05-000a", texts=["one", "two", "three"], files=[1, 2])
    write_board(root, "a05-001b", texts=["one", "two", "three"], files=[1, 3])
    write_board(root, "a05-002c")
    (root / "ascii/a05/a05-002/a05-002c.txt").unlink()
    write_board(root, "a05-003d", texts=["good", "100 %"])
    write_board(root, "a05-004e")
    (root / "lineStrokes/a05/a05-004/a05-004e-02.xml").write_text(XML[:300])
    write_board(root, "a05-005f")
    (root / "lineStrokes/a05/a05-005/a05-005f-01.xml").write_text("<X><StrokeSet/></X>")
    names = " ".join(f"a05-00{k}{letter}" for k, letter in enumerate("abcdef"))
    write_lists(root, train=f"{names} z01-000z a01-000u", valid_v="a01-000u b01-000v")
    corpus = read(root)
    expected = {
        "a05-000a-03": "expected a stroke file for the text's line 3, got none",
        "a05-001b-02": "expected a stroke file for the text's line 2, got none",
        "a05-002c": "expected its text a05-002c.txt below ascii, got none",
        "a05-003d-02": "'%' in '100 %'",
        "a05-004e-02": "a05-004e-02.xml: expected XML, got: ",
        "a05-005f-01": "at least one stroke",
        "z01-000z": "without stroke files",
        "a01-000u": "a board of an earlier list",
    }
    assert corpus.skipped.keys() == expected.keys()
    for item, reason in expected.items():
        assert reason in corpus.skipped[item], item
    texts = {example.id: decode(example.y) for example in corpus.splits["train"]}
    assert texts["a05-001b-03"] == "three"  # a missing file shifts no text
    assert len(texts) == 2 + 2 + 1 + 1 + 1 + 2


def test_more_stroke_files_than_lines_cost_only_those(root):
    write_board(root, "a05-000a", texts=["one", "two"], files=[1, 2, 3])
    write_lists(root, train="a05-000a")
    corpus = read(root)
    texts = {example.id: decode(example.y) for example in corpus.splits["train"]}
    assert texts == {"a05-000a-01": "one", "a05-000a-02": "two"}
    assert corpus.skipped == {
        "a05-000a-03": "expected a text for each stroke file, got 2 lines of it"
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("don&apos;t say &quot;no&quot;", 'don\'t say "no"'),
        ("R &amp; B", "R & B"),
        ("&#39;a&#x27; &#34;", "'a' \""),
        ("&amp;quot;so", '"so'),
        ("AT&T; R&D &c.", "AT&T; R&D &c."),
    ],
)
def test_entities_in_the_text(written, meant):
    assert read_lines(f"CSR:\n\n{written}\n".encode(), "x") == [meant]


@pytest.mark.parametrize(
    "content",
    [
        b"OCR:\r\nx\r\n\r\nCSR:\r\n\r\na line\r\nand more\r\n",
        b"CSR:\ra line\rand more\r",
        b"\xef\xbb\xbfCSR:\na line\nand more\n\x1a",
        "CSR:\na line\nand more\n".encode("utf-16"),
    ],
)
def test_text_files_as_other_systems_write_them(content):
    assert read_lines(content, "x") == ["a line", "and more"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_characters_beyond_ascii_are_what_was_written(encoding):
    assert read_lines("CSR:\ncaf\xe9 \xa3 1\n".encode(encoding), "x") == ["caf\xe9 \xa3 1"]


@pytest.mark.parametrize("missing", ["lineStrokes", "ascii"])
def test_a_missing_folder_stops_and_is_named(root, missing):
    (root / missing).rename(root / "elsewhere")
    with pytest.raises(DataError, match=f"expected a folder {missing} in it, there is none; got "):
        read(root)
    (root / f"{missing}-all.tar.gz").touch()
    with pytest.raises(DataError, match=f"there is none; unpack {missing}-all.tar.gz"):
        read(root)


@pytest.mark.parametrize("inside", ["lineStrokes", "ascii"])
def test_a_path_inside_the_corpus_is_told_where_it_begins(root, inside):
    with pytest.raises(DataError, match=f"set path to {root}$"):
        read(root / inside)


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match=r"expected a folder lineStrokes in it, .* got nothing"):
        read(tmp_path / "nowhere")


def test_the_path_may_point_one_level_above(root):
    above = root / "downloads"
    (above / "IAM-OnDB").mkdir(parents=True)
    for entry in [*root.iterdir()]:
        if entry != above:
            entry.rename(above / "IAM-OnDB" / entry.name)
    assert len(read(above).splits["train"]) == 2


def test_upper_case_and_what_desktops_leave_behind(root):
    paths = sorted(root.rglob("*"), key=lambda path: -len(path.parts))
    for path in paths:
        if path.is_file():
            (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
        path.rename(path.with_name(path.name.upper()))
    corpus = read(root)
    assert ids(corpus)["train"] == ["a01-000u-01", "a01-000u-02"]
    assert not corpus.skipped


def test_the_good_copy_of_a_line_and_of_a_text_is_read(root):
    (root / "lineStrokes/a01/a01-000/A01-000U-01.XML").write_bytes(b"")
    (root / "ascii/a01/a01-000/A01-000U.txt").write_text("OCR:\n")
    corpus = read(root)
    assert ids(corpus)["train"] == ["a01-000u-01", "a01-000u-02"]
    assert corpus.notes[0].startswith("2 files that cannot be read have a good copy beside them")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa01-000u\r\n\r\na02-000v\r\n",
        b"# boards\n\ta01-000u  # the first\n% of all\n; and\n// more\na02-000v",
        b"A01-000U.txt\ra01/a01-000/a02-000v.xml\r\x1a",
        "a01-000u\n a02-000v\n".encode("utf-16"),
    ],
)
def test_lists_as_other_systems_write_them(root, content):
    write_board(root, "a02-000v")
    (root / "trainset.txt").write_bytes(content)
    assert [i[:-3] for i in ids(read(root))["train"][::2]] == ["a01-000u", "a02-000v"]


def test_what_was_read_is_recorded_relative_to_the_path(root):
    files = read(root).files
    assert files.keys() >= {
        "lineStrokes/*.xml",
        "ascii/*.txt",
        "trainset.txt",
        "lineStrokes/a01/a01-000/a01-000u-01.xml",
        "ascii/d01/d01-000/d01-000x.txt",
    }
    assert all(tree.digest(root, name) == found for name, found in files.items())
    write_board(root, "e01-000u")
    changed = [name for name, found in files.items() if tree.digest(root, name) != found]
    assert changed == ["lineStrokes/*.xml", "ascii/*.txt"]


def test_a_line_left_out_is_marked(root, monkeypatch):
    monkeypatch.setattr("odyssey.tasks.readers.iamondb.LINES", {"train": 2, "valid": 4, "test": 2})
    assert read(root).comparable
    (root / "lineStrokes/d01/d01-000/d01-000x-02.xml").unlink()
    corpus = read(root)
    assert not corpus.comparable
    assert corpus.notes == ["test: 1 lines, the paper has 2; see what was left out"]


def test_lines_that_ctc_cannot_align_are_left_out_of_training_only(root, tmp_path):
    for board in ("a01-000u", "d01-000x"):
        text = root / f"ascii/{board[:3]}/{board[:7]}/{board}.txt"
        text.write_text(f"CSR:\n{'mm' * 11}\nshort\n")  # 20 points are kept of each line
    dataset = prepare("iamondb", "iamondb", tmp_path / "a.h5", path=str(root))
    assert dataset.train.ids == ("a01-000u-02",)
    assert dataset.test.ids == ("d01-000x-01", "d01-000x-02")
    assert dataset.provenance.skipped == {
        "a01-000u-01": "CTC needs 43 points for its text, it has 20"
    }


def test_a_missing_list_stops(root):
    (root / "testset_f.txt").unlink()
    with pytest.raises(DataError, match=r"expected the list testset_f\.txt in it, got none"):
        read(root)


def test_a_strange_list_stops(root):
    write_lists(root, train="a01-000u readme")
    with pytest.raises(DataError, match=r"trainset\.txt:2: expected a board .* got 'readme'"):
        read(root)


@pytest.mark.parametrize(
    ("time", "seconds"), [("0.5", 0.5), ("28117093.5", 28117093.5), ("1.2E7", 1.2e7)]
)
def test_times_of_any_size(time, seconds):
    xml = f"<W><StrokeSet><Stroke><Point x='1' y='2' time='{time}'/></Stroke></StrokeSet></W>"
    np.testing.assert_array_equal(read_strokes(xml.encode(), "x"), [[[1, 2, seconds]]])


def test_a_point_without_time():
    with pytest.raises(DataError, match=r"x\.xml: expected points .* in stroke 1, got 'time'"):
        read_strokes(
            b"<W><StrokeSet><Stroke><Point x='1' y='2'/></Stroke></StrokeSet></W>", "x.xml"
        )


@given(st.data())
def test_no_bytes_crash_the_readers(data):
    content = bytearray(XML[:250].encode() + XML[-60:].encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(DataError):
        read_strokes(bytes(content), "x")
    with contextlib.suppress(DataError):
        read_lines(data.draw(st.binary()) + b"\nCSR:\n" + bytes(content), "x")
    assert len(read_strokes(XML.encode(), "x")[0]) == 40


@given(st.binary(max_size=30))
@settings(max_examples=40)
def test_no_list_crashes_the_reader(tmp_path_factory, content):
    root = tmp_path_factory.mktemp("fuzz")
    write_lists(root)
    (root / "testset_v.txt").write_bytes(content)
    with contextlib.suppress(DataError):
        read(root)


def test_real_ink(tmp_path):
    root = shared("unipen/iamondb_layout_sample")
    dataset = prepare("iamondb", "iamondb", tmp_path / "a.h5", path=str(root))
    assert [len(dataset.splits[name]) for name in SPLITS] == [32, 16, 8]
    assert not dataset.provenance.skipped
    assert decode(dataset.train[0][1]) == "EZ-SOFT has a legitimate case for suing"
    strokes = dataset.train.inputs * dataset.std + dataset.mean
    assert set(np.round(strokes[:, 3]).astype(int)) == {0, 1}
    assert dataset.baselines == {"blank only": 100.0}
