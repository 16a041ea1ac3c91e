import errno
import os
import stat

import pytest

from odyssey.files import replacing


def test_the_new_file_takes_the_old_ones_place(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    for text in ("old", "new"):
        with replacing(path) as new:
            assert new.parent == path.parent
            new.write_text(text)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with replacing(path) as new:
            new.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failing_system_call_leaves_the_old_file(tmp_path, monkeypatch, call, code):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    def write():
        with replacing(path) as new:
            new.write_text("new")
            monkeypatch.setattr(os, call, fail)

    with pytest.raises(OSError, match=os.strerror(code)):
        write()
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
