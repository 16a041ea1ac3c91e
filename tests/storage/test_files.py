import errno
import os
import stat
import time

import pytest

from odyssey.storage import files
from odyssey.storage.files import replacing, time_at


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


@pytest.mark.parametrize("call", ["chmod", "fsync"])
@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_what_a_file_system_lacks_stops_no_write(tmp_path, monkeypatch, call, code):
    def lack(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, lack)
    with replacing(tmp_path / "a.txt") as new:
        new.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_time_of_a_folder_is_its_file_systems(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_clocks", {})
    before = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 0.0)  # this host's clock has no say
        assert before - 1 < time_at(tmp_path) < before + 60
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_this_hosts_clock_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_clocks", {})
    monkeypatch.setattr(time, "time", lambda: 12.0)
    assert time_at(tmp_path / "none") == 12.0
