"""UNIPEN: made-up files with the format's turns, and real ones against an independent reading."""

import contextlib
import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.storage.datasets import SPLITS, DataError
from odyssey.tasks import tree
from odyssey.tasks.prepare import prepare
from odyssey.tasks.readers.corpus import Corpus
from odyssey.tasks.readers.ink import decode, line_features, scaled_to_line
from odyssey.tasks.readers.unipen import read_unipen
from odyssey.tasks.readers.unipen_format import read_document, strokes_of
from tests.support.data_fixtures import shared

INK = """.WRITER_ID w1
.PEN_DOWN
0 0
1 5
2 0
.PEN_UP
.PEN_DOWN
3 0
4 9
.PEN_UP
5 1
.COMMENT 7 7
not ink . at all
.PEN_DOWN
6 1
7 2
.DT 100
"""
HEAD = ".VERSION 1.0\n.COMMENT\n.POINTS_PER_SECOND 50\n.COORD X Y\n"


def write(root, name="8/con/a.dat", segments='.SEGMENT TEXT 0-1 ? "ab"', ink=INK, head=HEAD):
    data, include = root / "data" / name, root / "include/con/data" / name.split("/")[-1]
    for path in (data, include, root / "include/con/x.doc"):
        path.parent.mkdir(parents=True, exist_ok=True)
    (root / "include/con/x.doc").write_text(head)
    include.write_text(ink)
    data.write_text(
        f".VERSION 1.0\n.INCLUDE con/x.doc\n.INCLUDE con/data/{include.name}\n{segments}\n"
    )
    return data


def read(path):
    corpus = Corpus("test")
    return read_document(corpus, path, path.parents[2].parent / "include"), corpus


def test_blocks_with_points_are_counted_up_or_down(tmp_path):
    document, _ = read(write(tmp_path))
    assert [down for down, _ in document.blocks] == [True, True, False, True]
    assert [len(points) for _, points in document.blocks] == [3, 2, 1, 2]
    assert (document.writer, document.rate) == ("w1", 50)


def test_columns_are_named(tmp_path):
    ink = ".COORD T Y Z X\n.PEN_DOWN\n1 2 3 4\n5 6 7 8\n"
    document, _ = read(write(tmp_path, ink=ink))
    np.testing.assert_array_equal(document.blocks[0][1], [[4, 2], [8, 6]])


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ('.SEGMENT TEXT 0-1 ? "ab"', ("0-1", [(0, None, 1, None)], "ab")),
        ('.SEGMENT TEXT 3 OK "a \\"b\\" \\\\ c"', ("3", [(3, None, 3, None)], 'a "b" \\ c')),
        ('.SEGMENT TEXT 0-1 GOOD\n  "two\n lines"', ("0-1", [(0, None, 1, None)], "two\n lines")),
        ('.SEGMENT TEXT 0:3-2:7 OK "a"', ("0:3-2:7", [(0, 3, 2, 7)], "a")),
        ('.SEGMENT TEXT 0-2:7 ? "a"', ("0-2:7", [(0, None, 2, 7)], "a")),
        ('.SEGMENT TEXT 4:1 ? "a"', ("4:1", [(4, 1, 4, 1)], "a")),
        (
            '.SEGMENT TEXT 0-1, 3 "a"',
            ("0-1,3", [(0, None, 1, None), (3, None, 3, None)], "a"),
        ),
    ],
)
def test_segments(tmp_path, segment, expected):
    document, _ = read(write(tmp_path, segments=segment))
    name, ranges, text = expected
    assert [found[1:] for found in document.segments] == [(name, tuple(ranges), text)]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ("0-1", [[(0, 0), (1, -5), (2, 0)], [(3, 0), (4, -9)]]),
        ("0:1-1:0", [[(1, -5), (2, 0)], [(3, 0)]]),
        ("0:1-0:1", [[(1, -5)]]),
        ("0:2", [[(2, 0)]]),
        ("0:2-3:0", [[(2, 0)], [(3, 0), (4, -9)], [(6, -1)]]),
        ("3,0:0", [[(6, -1), (7, -2)], [(0, 0)]]),
    ],
)
def test_ink_of_blocks_and_points(tmp_path, blocks, expected):
    document, _ = read(write(tmp_path, segments=f'.SEGMENT TEXT {blocks} ? "a"'))
    strokes = strokes_of(document, document.segments[0])
    assert [[tuple(point[:2]) for point in stroke] for stroke in strokes] == expected
    assert all((stroke[:, 2] == np.arange(len(stroke)) / 50).all() for stroke in strokes)


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_other_ends_of_lines(tmp_path, end):
    plain, _ = read(write(tmp_path / "lf"))
    path = write(tmp_path / "other")
    for file in (tmp_path / "other").rglob("*.d*"):
        if file.is_file():
            file.write_bytes(file.read_bytes().replace(b"\n", end.encode()))
    document, _ = read(path)
    assert document.segments[0][1:] == plain.segments[0][1:]
    assert (document.rate, document.writer) == (50, "w1")
    for (down, points), (expected_down, expected) in zip(
        document.blocks, plain.blocks, strict=True
    ):
        assert down == expected_down
        np.testing.assert_array_equal(points, expected)


def test_a_disc_in_upper_case(tmp_path):
    for k in range(3):
        write(tmp_path / "disc", f"8/con/{k}.dat", ink=INK.replace("w1", f"w{k}"))
    for path in sorted((tmp_path / "disc").rglob("*"), key=lambda path: -len(path.parts)):
        if path.is_file():
            (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
        path.rename(path.with_name(path.name.upper()))
    corpus = Corpus("test")
    read_unipen(corpus, str(tmp_path))  # one level above
    assert sorted(e.id for found in corpus.splits.values() for e in found) == [
        f"8/CON/{k}.DAT#0-1" for k in range(3)
    ]
    assert not corpus.skipped
    assert all(tree.digest(tmp_path, name) == found for name, found in corpus.files.items())
    assert {"disc/DATA/8/*.dat", "disc/INCLUDE/*", "disc/INCLUDE/CON/X.DOC"} <= corpus.files.keys()


def test_a_missing_include_costs_its_file_and_a_missing_word_list_nothing(tmp_path):
    for k in range(4):
        write(tmp_path, f"8/con/{k}.dat", '.SEGMENT TEXT 0-1 ? "ab"', INK.replace("w1", f"w{k}"))
    (tmp_path / "include/con/data/2.dat").unlink()
    path = tmp_path / "data/8/con/1.dat"
    path.write_text(".INCLUDE con\\words.lex\n" + path.read_text())
    corpus = Corpus("test")
    read_unipen(corpus, str(tmp_path))
    assert sum(map(len, corpus.splits.values())) == 3
    assert corpus.skipped.keys() == {"8/con/2.dat", "include/con/words.lex"}
    assert "include/con/data/2.dat: cannot be read" in corpus.skipped["8/con/2.dat"]


@pytest.mark.parametrize("inside", ["data", "data/8", "data/8/con", "include"])
def test_a_path_inside_the_corpus_is_told_where_it_begins(tmp_path, inside):
    write(tmp_path)
    with pytest.raises(DataError, match=f"; set path to {tmp_path}$"):
        read_unipen(Corpus("test"), str(tmp_path / inside))


def test_ink_without_the_include_folder(tmp_path):
    write(tmp_path)
    (tmp_path / "include").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="expected a folder include beside data, got none"):
        read_unipen(Corpus("test"), str(tmp_path))


def test_y_grows_down_and_time_follows_the_rate(tmp_path):
    for k in range(3):
        write(tmp_path, f"8/con/{k}.dat", ink=INK.replace("w1", f"w{k}"))
    corpus = Corpus("test")
    read_unipen(corpus, str(tmp_path))
    x = corpus.splits["train"][0].x
    points = np.array([[0, 0, 0], [1, -5, 0.02], [2, 0, 0.04], [3, 0, 0], [4, -9, 0.02]])
    strokes = [points[:3], points[3:]]
    np.testing.assert_allclose(x, line_features(scaled_to_line(strokes)), rtol=1e-6)


def test_writers_are_disjoint(tmp_path):
    for k in range(12):
        write(tmp_path, f"8/con/{k:02}.dat", ink=INK.replace("w1", f"w{k // 2}"))
    corpus = Corpus("test")
    read_unipen(corpus, str(tmp_path), seed=4)
    writers = {
        name: {int(example.id.split("/")[2][:2]) // 2 for example in corpus.splits[name]}
        for name in SPLITS
    }
    assert sorted(len(found) for found in writers.values()) == [1, 1, 4]
    assert sum(len(found) for found in writers.values()) == len(set.union(*writers.values()))


def test_bad_segments_and_files_are_left_out(tmp_path):
    for k in range(3):
        write(tmp_path, f"8/con/{k}.dat", ink=INK.replace("w1", f"w{k}"))
    segments = '.SEGMENT TEXT 0-9 ? "a"\n.SEGMENT TEXT 2 ? "a"\n.SEGMENT TEXT zero ? "a"\n'
    segments += '.SEGMENT TEXT 0:3-1 ? "a"\n.SEGMENT TEXT 0-1- ? "a"\n.SEGMENT TEXT 0-1 ? "50%"'
    write(tmp_path, "8/con/s.dat", segments=segments)
    write(tmp_path, "8/con/t.dat", ink=".PEN_DOWN\n1 2 3\n")
    write(tmp_path, "8/con/u.dat", ink=".INCLUDE con/data/u.dat\n")
    write(tmp_path, "8/con/v.dat", ink=".INCLUDE ../../secret\n")
    corpus = Corpus("test")
    read_unipen(corpus, str(tmp_path))
    reasons = list(corpus.skipped.values())
    for reason in (
        "expected a segment within 4 blocks, got 0-9",
        "s.dat:5: expected at least one stroke with a point",
        'expected .SEGMENT TEXT first-last quality "label", got \'TEXT zero',
        "expected points within blocks of 3 and 2 points, got 3 and None",
        "quality \"label\", got the blocks '0-1-'",
        "'%' in '50%'",
        "t.dat:1: expected a proper .PEN_DOWN",
        "more than 8 files deep",
        "'../../secret', which is not below include/",
    ):
        assert sum(reason in found for found in reasons) == 1, reason
    assert len(reasons) == 9
    assert all("\n" not in reason for reason in reasons)


def test_a_corpus_of_which_all_is_left_out_says_why(tmp_path):
    for k in range(3):
        write(tmp_path, f"8/con/{k}.dat", segments='.SEGMENT TEXT 0-1 ? "50%"')
    with pytest.raises(DataError, match=r"got \[\] after leaving out 3 items \(8/con/0.*'50%'"):
        prepare("iamondb", "unipen", tmp_path / "a.h5", path=str(tmp_path))


def test_no_corpus(tmp_path):
    with pytest.raises(DataError, match="expected folders data/8 and include in it, got nothing"):
        read_unipen(Corpus("test"), str(tmp_path))


@given(st.data())
def test_no_text_crashes_the_reader(tmp_path_factory, data):
    text = HEAD + INK + '.SEGMENT TEXT 0-1 ? "ab"\n'
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        new = data.draw(st.text(st.sampled_from('.\n "\\-019ePX'), max_size=5))
        text = text[:at] + new + text[at + data.draw(st.integers(0, 5)) :]
    path = tmp_path_factory.mktemp("fuzz") / "data/8/a.dat"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with contextlib.suppress(DataError):
        read_document(Corpus("test"), path, path.parents[2] / "include")
    path.write_text(HEAD + INK + '.SEGMENT TEXT 0-1 ? "ab"\n')
    assert read_document(Corpus("test"), path, path.parents[2] / "include").segments


def published_lines():
    with gzip.open(shared("unipen") / "unipen_lines.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)


def pen_points(line):
    """Return the pen's absolute points, y up: the first pair is a place, the others are ways."""
    return [np.cumsum(np.reshape(stroke, (-1, 2)), axis=0) for stroke in line["strokes"]]


def test_real_files_against_an_independent_reading():
    root = shared("unipen") / "raw_sample"
    lines = {line["id"]: line for line in published_lines() if "Larson" in line["id"]}
    corpus = Corpus("test")
    document = read_document(corpus, root / "data/8/cec/Larson.dat", root / "include")
    found = 0
    for segment in document.segments:
        line = lines.get(f"8/cec/Larson.dat#{segment.name}")
        if line:
            (first, _, last, _), text = segment.ranges[0], segment.text
            blocks = [points for down, points in document.blocks[first : last + 1] if down]
            origin = blocks[0][0] - pen_points(line)[0][0]  # lines are moved to the origin
            for block, stroke in zip(blocks, pen_points(line), strict=True):
                np.testing.assert_array_equal(block - origin, stroke)
            assert text == line["text"]
            found += 1
    assert found == len(lines) == 17
    assert (document.writer, document.rate) == ("JL4096", 100)


def write_published(root, lines):
    """Write lines as a UNIPEN tree, a file each."""
    for k, line in enumerate(lines):
        ink = [f".WRITER_ID {line['writer']}", f".POINTS_PER_SECOND {line['rate']}"]
        for stroke in pen_points(line):
            ink += [".PEN_DOWN", *(f"{x} {y}" for x, y in stroke), ".PEN_UP"]
        text = line["text"].replace("\\", "\\\\").replace('"', '\\"')
        segment = f'.SEGMENT TEXT 0-{len(line["strokes"]) - 1} OK "{text}"'
        write(root, f"8/con/{k:05}.dat", segment, "\n".join(ink), ".VERSION 1.0\n")


def test_published_lines(tmp_path):
    lines = [line for k, line in enumerate(published_lines()) if k % 40 == 0]
    write_published(tmp_path, lines)
    dataset = prepare("iamondb", "unipen", tmp_path / "a.h5", path=str(tmp_path))
    texts = sorted(decode(y) for split in dataset.splits.values() for _, y in split)
    assert texts == sorted(line["text"] for line in lines)
    assert not dataset.provenance.skipped
    frames = sum(len(s) // 2 for line in lines for s in line["strokes"])
    assert 0.5 <= sum(len(s.inputs) for s in dataset.splits.values()) / frames < 0.53
