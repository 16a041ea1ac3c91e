import errno
import os

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.storage.tree_file import DamagedFile, load_tree, save_tree

TREE = {
    "number": 3,
    "big": 2**62,
    "real": 0.1,
    "text": "σ und γ",
    "long": "x" * 100_000,
    "flag": True,
    "array": np.arange(6, dtype=np.float32).reshape(2, 3),
    "empty": np.empty((0, 4)),
    "group": {"forward.W": np.ones(3), "nested": {}, "again": {"n": -1}},
}


def equal(a, b):
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and (a == b).all()
    return type(a) is type(b) and a == b


def by_kind(tree):
    """Attributes come back first, then groups and arrays; within each the order is kept."""
    if not isinstance(tree, dict):
        return tree
    scalars = {k: v for k, v in tree.items() if not isinstance(v, dict | np.ndarray)}
    return scalars | {k: by_kind(v) for k, v in tree.items() if k not in scalars}


def test_a_tree_comes_back_as_it_was(tmp_path):
    save_tree(tmp_path / "new folder" / "a.h5", TREE)
    assert equal(load_tree(tmp_path / "new folder" / "a.h5"), by_kind(TREE))


def test_the_file_is_ordinary_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    save_tree(path, TREE)
    with h5py.File(path) as file:
        assert file.attrs["text"] == "σ und γ"
        assert (file["group/forward.W"][()] == 1).all()


def test_equal_trees_give_equal_files(tmp_path):
    for name in ("a.h5", "b.h5"):
        save_tree(tmp_path / name, TREE)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_altered_or_missing_byte_is_noticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage") / "a.h5"
    save_tree(path, {"n": 1, "a": np.arange(50.0), "g": {"t": "text"}})
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    padding = content[:512].index(b"\n") < place < 512 if b"\n" in content[:512] else False
    if padding and len(content) > 512:
        assert load_tree(path)["n"] == 1  # nothing is stored between the digest and the content
    else:
        with pytest.raises(DamagedFile, match=r"a\.h5"):
            load_tree(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"odyssey", b"odyssey \n", b"PK\x03\x04" * 400])
def test_foreign_files_are_told_apart(tmp_path, content):
    path = tmp_path / "foreign.h5"
    path.write_bytes(content)
    with pytest.raises(DamagedFile):
        load_tree(path)
    with h5py.File(path, "w") as file:
        file["a"] = 1
    with pytest.raises(DamagedFile, match="not a file of odyssey's"):
        load_tree(path)


def test_the_previous_generation_is_kept(tmp_path):
    path, previous = tmp_path / "a.h5", tmp_path / "a.previous.h5"
    for n in (1, 2, 3):
        save_tree(path, {"n": n}, previous=previous)
    assert load_tree(path)["n"] == 3
    assert load_tree(previous)["n"] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.h5", "a.previous.h5"]


NO_LINKS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK]


@pytest.fixture(params=NO_LINKS, ids=errno.errorcode.get)
def without_links(request, monkeypatch):
    """A file system without hard links: FAT, some of SMB, FUSE and Lustre."""

    def link(source, target):
        raise OSError(request.param, os.strerror(request.param), str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)


def test_the_previous_generation_is_kept_without_hard_links(tmp_path, without_links):
    path, previous = tmp_path / "a.h5", tmp_path / "a.previous.h5"
    for n in (1, 2, 3):
        save_tree(path, {"n": n}, previous=previous)
    assert load_tree(path)["n"] == 3
    assert load_tree(previous)["n"] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.h5", "a.previous.h5"]


class Killed(BaseException):
    """What a kill looks like from inside."""


def whole_ones(*paths):
    return [load_tree(path)["n"] for path in paths if path.exists()]


@pytest.mark.parametrize("hard_links", [True, False])
def test_at_every_system_call_a_whole_generation_can_be_found(tmp_path, monkeypatch, hard_links):
    """A kill before any of them leaves the second generation or a later one."""

    def kill_before(number):
        calls = iter(range(number))

        def killing(call):
            def wrapped(*arguments, **options):
                if next(calls, None) is None:
                    raise Killed
                if call is link and not hard_links:
                    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
                return call(*arguments, **options)

            return wrapped

        return killing

    link = os.link
    names = ("link", "replace", "unlink", "chmod", "fsync", "open", "stat")
    for number in range(100):
        folder = tmp_path / str(number)
        path, previous = folder / "a.h5", folder / "a.previous.h5"
        for n in (1, 2):
            save_tree(path, {"n": n}, previous=previous)
        killing, finished = kill_before(number), False
        with monkeypatch.context() as patch:
            for name in names:
                patch.setattr(os, name, killing(getattr(os, name)))
            try:
                save_tree(path, {"n": 3}, previous=previous)
                finished = True
            except Killed:
                pass
        assert max(whole_ones(path, previous)) >= 2
        save_tree(path, {"n": 4}, previous=previous)
        assert load_tree(path)["n"] == 4
        if finished:
            break
    assert finished
    assert number >= 5
