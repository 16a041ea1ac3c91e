import errno
import json
import multiprocessing
import os
import signal
import time

import pytest

from odyssey.storage import lease
from odyssey.storage.lease import Lease, LeaseLost, holding, is_held, read

#: What file systems without hard links answer: FAT, SMB, FUSE, Lustre.
NO_LINKS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK]


def refusing(code):
    """A system call that the file system does not know."""

    def call(*arguments, **_):
        raise OSError(code, os.strerror(code), str(arguments[0]))

    return call


@pytest.fixture
def hasty(monkeypatch):
    """Leases expire after half a second."""
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "EXPIRE_SECONDS", 0.5)


@pytest.fixture
def dead():
    """The number of a process of this machine that has ended."""
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    return process.pid


def write_lease(path, **changes):
    path.write_text(json.dumps({**lease._myself(), "token": "theirs"} | changes))


def test_a_lease_is_held_and_given_back(tmp_path):
    path = tmp_path / "folder" / "0.lease"
    with holding(path) as held:
        assert read(path)["pid"] == os.getpid()
        held.check()
    assert list(path.parent.iterdir()) == []


def test_a_lease_is_given_back_after_an_error(tmp_path):
    def fail():
        with holding(tmp_path / "0.lease"):
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        fail()
    assert list(tmp_path.iterdir()) == []


def hold_and_count(path, counter, at_once):
    for _ in range(10):
        with holding(path):
            with counter.get_lock():
                counter.value += 1
                at_once.value = max(at_once.value, counter.value)
            time.sleep(0.001)
            with counter.get_lock():
                counter.value -= 1


@pytest.mark.parametrize("code", [None, *NO_LINKS])
def test_of_many_processes_one_holds_it(tmp_path, monkeypatch, code):
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.001)
    if code:
        monkeypatch.setattr(os, "link", refusing(code))
    context = multiprocessing.get_context("fork")
    counter, at_once = context.Value("i", 0), context.Value("i", 0)
    arguments = (tmp_path / "0.lease", counter, at_once)
    processes = [context.Process(target=hold_and_count, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    assert at_once.value == 1
    assert list(tmp_path.iterdir()) == []


def hold_for_ever(path):
    with holding(path):
        time.sleep(600)


def test_a_killed_process_of_this_host_does_not_block(tmp_path):
    path = tmp_path / "0.lease"
    process = multiprocessing.get_context("fork").Process(target=hold_for_ever, args=(path,))
    process.start()
    while not path.exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    began = time.monotonic()
    with holding(path):
        assert time.monotonic() - began < 5


def test_a_number_used_again_is_not_the_holder(tmp_path):
    write_lease(tmp_path / "0.lease", start=1)
    with holding(tmp_path / "0.lease") as held:
        held.check()


def test_another_hosts_lease_is_taken_over_once_it_is_not_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "EXPIRE_SECONDS", 0.5)
    path = tmp_path / "0.lease"
    write_lease(path, host="elsewhere", machine="elsewhere")
    renewals = iter(range(20))

    def sleep(seconds, really=time.sleep):
        if next(renewals, None) is not None:  # the holder lives a while longer
            os.utime(path, ns=(1, time.time_ns()))
        really(0.05)

    monkeypatch.setattr(lease.time, "sleep", sleep)
    began = time.monotonic()
    with holding(path):
        assert time.monotonic() - began > 20 * 0.05 + 0.4


def test_a_holder_taken_for_dead_notices(tmp_path, monkeypatch):
    path = tmp_path / "0.lease"
    with holding(path) as held:
        write_lease(path, host="elsewhere")
        with pytest.raises(LeaseLost, match=r"taken for dead, process .* on elsewhere goes on"):
            held.check()
        held.renew()  # renewed lately: no look
        monkeypatch.setattr(lease, "RENEW_SECONDS", -1.0)
        with pytest.raises(LeaseLost):
            held.renew()
    assert read(path)["host"] == "elsewhere"  # another's lease stays


def test_renewing_touches_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "RENEW_SECONDS", -1.0)
    with holding(tmp_path / "0.lease") as held:
        os.utime(tmp_path / "0.lease", (1, 1))
        held.renew()
        assert (tmp_path / "0.lease").stat().st_mtime > 1


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "0", "-5"])
def test_seconds_that_are_none_end_in_one_line(text):
    with pytest.raises(SystemExit, match=r"^ODYSSEY_LEASE_SECONDS must be a number of seconds"):
        lease._seconds(text)
    assert lease._seconds("5") == 5.0


def wait_for(path, dead_after=0.4):
    began = time.monotonic()
    with holding(path):
        assert time.monotonic() - began > dead_after


def test_a_host_of_the_same_name_is_another_machine(tmp_path, hasty, dead):
    """Containers are called localhost, clones like their original; namespaces have one number."""
    path = tmp_path / "0.lease"
    here = lease._machine()
    _, rest = here.split(" ", 1)
    for machine in (f"11111111-2222-3333-4444-555555555555 {rest}", f"{here} more", "", None):
        write_lease(path, pid=dead, machine=machine)
        assert not lease._is_gone(read(path))
        wait_for(path)


def test_where_the_machine_can_t_be_told_leases_expire(tmp_path, monkeypatch, hasty, dead):
    monkeypatch.setattr(lease, "_machine", lambda: "")
    write_lease(tmp_path / "0.lease", pid=dead)
    wait_for(tmp_path / "0.lease")


def test_the_lease_of_an_older_version_expires(tmp_path, hasty, dead):
    path = tmp_path / "0.lease"
    content = {"host": "here", "pid_namespace": "pid:[4026531836]", "pid": dead, "born": 1.5}
    path.write_text(json.dumps(content | {"token": "theirs"}))
    assert is_held(path)
    wait_for(path)


def test_a_process_that_may_not_be_asked_is_not_gone(tmp_path, monkeypatch):
    write_lease(tmp_path / "0.lease", start=1)
    monkeypatch.setattr(os, "kill", refusing(errno.EPERM))
    assert not lease._is_gone(read(tmp_path / "0.lease"))


@pytest.mark.parametrize("step", [-86_400.0, -1.0, 1.0, 86_400.0])
def test_a_step_of_the_clock_takes_no_living_lease(tmp_path, monkeypatch, step):
    """psutil's times of birth, to name one, move with the clock."""
    path = tmp_path / "0.lease"
    process = multiprocessing.get_context("fork").Process(target=hold_for_ever, args=(path,))
    process.start()
    while not path.exists():
        time.sleep(0.01)
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda really=time.time: really() + step)
        patch.setattr("psutil._pslinux.boot_time", lambda: 1e9 + step)
        assert not lease._is_gone(read(path))
        assert is_held(path)
    process.kill()
    process.join()
    assert lease._is_gone(read(path))
    assert not is_held(path)


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
def test_a_file_server_whose_clock_is_wrong_shows_who_works(tmp_path, monkeypatch, ahead):
    path = tmp_path / "0.lease"
    write_lease(path, machine="elsewhere")
    monkeypatch.setattr(lease, "time_at", lambda folder: time.time() + ahead)
    os.utime(path, (1, time.time() + ahead - 10))
    assert is_held(path)
    os.utime(path, (1, time.time() + ahead - lease.EXPIRE_SECONDS - 10))
    assert not is_held(path)


@pytest.mark.parametrize("code", NO_LINKS)
def test_without_hard_links_a_lease_is_held_given_back_and_taken_over(
    tmp_path, monkeypatch, hasty, dead, code
):
    monkeypatch.setattr(os, "link", refusing(code))
    path = tmp_path / "0.lease"
    with holding(path) as held:
        held.check()
        assert read(path)["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []
    write_lease(path, pid=dead)
    with holding(path) as held:
        held.check()
    assert list(tmp_path.iterdir()) == []


def test_without_hard_links_who_is_too_slow_is_not_the_holder(tmp_path, monkeypatch):
    """Between its file and the content another took it for dead."""
    path, really = tmp_path / "0.lease", lease._write_new

    def slow(path, content):
        assert really(path, content)
        path.unlink()
        write_lease(path, token="another")
        return True

    monkeypatch.setattr(os, "link", refusing(errno.EPERM))
    monkeypatch.setattr(lease, "_write_new", slow)
    assert not lease._create(path, "mine")
    assert read(path)["token"] == "another"


def test_without_hard_links_a_full_disk_leaves_no_lease(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", refusing(errno.EPERM))
    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"), holding(tmp_path / "0.lease"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [None, errno.EPERM])
def test_a_living_lease_that_was_taken_away_is_put_back(tmp_path, monkeypatch, code):
    path = tmp_path / "0.lease"
    write_lease(path, token="old")
    seen = read(path)
    write_lease(path, token="new")
    if code:
        monkeypatch.setattr(os, "link", refusing(code))
    lease._take_away(path, seen)
    assert read(path)["token"] == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lost_answer_of_the_file_server_is_no_other_holder(tmp_path, monkeypatch):
    def link(source, target, really=os.link):
        really(source, target)
        really(source, target)  # asked again, for the answer was lost: it is there

    monkeypatch.setattr(os, "link", link)
    began = time.monotonic()
    with holding(tmp_path / "0.lease") as held:
        held.check()
    assert time.monotonic() - began < 5


def test_where_no_file_can_be_touched_its_content_is_written_again(tmp_path, monkeypatch):
    path = tmp_path / "0.lease"
    monkeypatch.setattr(lease, "RENEW_SECONDS", -1.0)
    with holding(path) as held:
        content = path.read_bytes()
        os.utime(path, (1, 1))
        monkeypatch.setattr(os, "utime", refusing(errno.ENOSYS))
        held.renew()
        assert path.stat().st_mtime > 1
        assert path.read_bytes() == content
        write_lease(path, token="another")
        theirs = path.stat().st_mtime_ns
        lease._touch(path, held._token)  # it was taken since the holder looked
        assert path.stat().st_mtime_ns == theirs
        path.write_bytes(content)


def test_a_stale_handle_is_no_lease_of_ours(tmp_path, monkeypatch):
    with holding(tmp_path / "0.lease") as held:
        with monkeypatch.context() as patch:
            patch.setattr(type(tmp_path), "read_bytes", refusing(errno.ESTALE))
            with pytest.raises(LeaseLost):
                held.check()
        held.check()


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_lease_without_sense_expires_too(tmp_path, monkeypatch, content):
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "EXPIRE_SECONDS", 0.05)
    (tmp_path / "0.lease").write_text(content)
    with holding(tmp_path / "0.lease") as held:
        assert isinstance(held, Lease)
