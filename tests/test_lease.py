import json
import multiprocessing
import os
import signal
import time

import pytest

from odyssey import lease
from odyssey.lease import Lease, LeaseLost, holding, read


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


def test_of_many_processes_one_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.001)
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
    write_lease(tmp_path / "0.lease", born=1.0)
    with holding(tmp_path / "0.lease") as held:
        held.check()


def test_another_hosts_lease_is_taken_over_once_it_is_not_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "EXPIRE_SECONDS", 0.5)
    path = tmp_path / "0.lease"
    write_lease(path, host="elsewhere")
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


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_lease_without_sense_expires_too(tmp_path, monkeypatch, content):
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "EXPIRE_SECONDS", 0.05)
    (tmp_path / "0.lease").write_text(content)
    with holding(tmp_path / "0.lease") as held:
        assert isinstance(held, Lease)
