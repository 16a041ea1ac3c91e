"""Folders of a corpus: what counts, in what order, and what is recorded of it."""

import hashlib
import os

import pytest

from odyssey.storage.datasets import DataError
from odyssey.tasks import tree
from odyssey.tasks.readers.corpus import Corpus


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def names(root, paths):
    return [path.relative_to(root).as_posix() for path in paths]


def test_files_are_walked_in_order_without_litter(tmp_path):
    fill(tmp_path, "b/x.txt", "b-c/x.txt", "a", ".git/x", "b/._x.txt", "b/Thumbs.db", "@eaDir/x")
    assert names(tmp_path, tree.walk(tmp_path)) == ["a", "b/x.txt", "b-c/x.txt"]


def test_links_are_followed_once(tmp_path):
    fill(tmp_path, "there/x", "here/y")
    (tmp_path / "here/link").symlink_to(tmp_path / "there")
    (tmp_path / "there/back").symlink_to(tmp_path / "here")
    assert names(tmp_path, tree.walk(tmp_path / "here")) == ["here/link/x", "here/y"]


def test_the_nearest_of_a_name_is_found_in_whatever_case(tmp_path):
    fill(tmp_path, "a/b/List.TXT", "a/LIST.txt", "a/b/c/d/deep.txt", "a/dir/x")
    assert tree.find(tmp_path, "list.txt") == tmp_path / "a/LIST.txt"
    assert tree.find(tmp_path, "DIR", folder=True) == tmp_path / "a/dir"
    assert tree.find(tmp_path, "dir") is None
    assert tree.find(tmp_path, "deep.txt") is None


def test_a_path_is_found_in_whatever_case(tmp_path):
    fill(tmp_path, "A/b/C.dat")
    assert tree.inside(tmp_path, "a/B/c.DAT") == tmp_path / "A/b/C.dat"
    assert tree.inside(tmp_path, "a/x/c.dat") is None


def test_what_was_read_is_recorded_and_a_repair_is_seen(tmp_path):
    fill(tmp_path, "s/x.WAV", "s/y.txt")
    corpus = Corpus("test", root=tmp_path)
    assert names(tmp_path, corpus.walk(tmp_path / "s", ".wav")) == ["s/x.WAV"]
    corpus.read_bytes(tmp_path / "s/x.WAV")
    assert corpus.files["s/x.WAV"] == hashlib.sha256(b"s/x.WAV").hexdigest()
    assert corpus.files.keys() == {"s/*.wav", "s/x.WAV"}

    def changed():
        return [name for name, d in corpus.files.items() if tree.digest(tmp_path, name) != d]

    fill(tmp_path, "s/._z.wav", "s/z.txt")
    assert changed() == []
    fill(tmp_path, "s/z.wav")
    assert changed() == ["s/*.wav"]
    (tmp_path / "s/x.WAV").write_text("other")
    assert changed() == ["s/*.wav", "s/x.WAV"]
    (tmp_path / "s/x.WAV").unlink()
    assert tree.digest(tmp_path, "s/x.WAV") is None
    assert tree.digest(tmp_path, "none/*.wav") is None


def test_a_closed_folder_stops_with_one_line(tmp_path):
    with pytest.raises(DataError, match=r"none: cannot be read \(No such file .*; make it readab"):
        Corpus("test").walk(tmp_path / "none", ".wav")


def test_reasons_are_one_line_that_every_log_can_hold():
    corpus = Corpus("test")
    corpus.skip("b\udcf6se", "one\ntwo\0")
    corpus.differs("a\rb")
    assert corpus.skipped == {"b\\udcf6se": "one two\\0"}
    assert corpus.notes == ["a b"]


@pytest.fixture
def corpus(tmp_path):
    """A folder of two recordings, and what was read of it."""
    (tmp_path / "speaker").mkdir()
    for name in ("one.wav", "speaker/two.wav"):
        (tmp_path / name).write_text(name)
    (tmp_path / "back").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    names = ("one.wav", "speaker/two.wav", "*.wav")
    files = {name: tree.digest(tmp_path, name) for name in names}
    return tmp_path, tree.state(tmp_path), files


def test_a_corpus_as_it_was_or_copied_has_not_changed(corpus):
    path, state, files = corpus
    assert not tree.changed(path, state, files)
    os.utime(path / "one.wav", (1, 1))
    (path / "README").write_text("nothing that was read")
    assert tree.state(path) != state
    assert not tree.changed(path, state, files)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "speaker" / "three.wav").write_text("added"),
        lambda path: (path / "speaker" / "two.wav").unlink(),
        lambda path: (path / "speaker" / "two.wav").write_text("another size"),
        lambda path: (path / "one.wav").write_text("ONE.wav"),
    ],
)
def test_a_corpus_that_was_repaired_has_changed(corpus, change):
    path, state, files = corpus
    change(path)
    os.utime(path / "one.wav", (1, 1))
    assert tree.changed(path, state, files)


def test_a_corpus_that_is_a_file_is_one_too_and_one_that_is_gone_cannot_have_changed(tmp_path):
    path = tmp_path / "rolls.mat"
    path.write_text("rolls")
    state, files = tree.state(path), {"rolls.mat": tree.content_digest(path)}
    assert not tree.changed(path, state, files)
    path.write_text("ROLLS")
    os.utime(path, (1, 1))
    assert tree.changed(path, state, files)
    path.unlink()
    assert not tree.changed(path, state, files)
