"""The check of the machine: every trouble is a row, every row one line, and never a traceback."""

import errno
import os
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from odyssey.checks import doctor
from odyssey.checks import machine as machine_checks
from odyssey.checks import software as software_checks
from odyssey.checks.check import Row, fail, ok, rows_of, warn
from odyssey.cli import main
from odyssey.study.study import Study
from tests.conftest import ROOT


def states(rows):
    return {row.name: row.state for row in rows}


def refuse(number):
    def refused(*_, **__):
        raise OSError(number, os.strerror(number))

    return refused


def test_a_check_that_fails_itself_is_a_row():
    def check():
        yield ok("a", "fine")
        raise RuntimeError("two\nlines")

    assert rows_of("b", check) == [fail("b", "could not be checked: RuntimeError: two lines")]


def test_all_rows_are_one_line_and_end_in_a_verdict(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    found = CliRunner().invoke(main, ["doctor", "--plain"])
    lines = found.output.splitlines()
    assert {line[:4].strip() for line in lines[:-1]} <= {"ok", "warn", "fail"}
    names = {line[6:].partition(":")[0] for line in lines[:-1]}
    assert {"study", "Python", "results", "compiler", "MXNet", "analysis", "GPU"} <= names
    assert lines[-1].startswith("A study can")
    assert found.exit_code == ("can't" in lines[-1])


@pytest.mark.parametrize(
    ("rows", "code", "verdict"),
    [
        ([ok("a", "x"), warn("b", "[y]")], 0, "A study can run here."),
        ([ok("a", "x"), fail("b", "y")], 1, "A study can't run here: b."),
    ],
)
def test_warnings_stop_no_study_and_failures_do(monkeypatch, rows, code, verdict):
    monkeypatch.setattr(doctor, "examine", lambda files: iter(rows))
    found = CliRunner().invoke(main, ["doctor", "--plain"])
    assert found.exit_code == code
    assert found.output.splitlines()[-1] == verdict
    assert "\n".join(f"{row.state:4}  {row.name}: {row.text}" for row in rows) in found.output


def test_a_config_that_is_no_study_is_a_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "checks", lambda study: iter([("a", lambda: ok("a", "x"))]))
    assert states(doctor.examine()) == {"study": "warn", "a": "ok"}
    (tmp_path / "config.yaml").write_text("trials: -1\n", encoding="utf-8")
    assert states(doctor.examine()) == {"study": "fail", "a": "ok"}


def test_a_folder_that_is_fine_is_left_as_it_was(tmp_path):
    found = list(machine_checks.check_folder("results", tmp_path / "a" / "b"))
    assert {row.state for row in found} == {"ok"}
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_fails(tmp_path):
    (tmp_path / "results").write_bytes(b"")
    assert states(machine_checks.check_folder("results", tmp_path / "results" / "x")) == {
        "results": "fail"
    }


@pytest.mark.parametrize(
    ("function", "number", "state", "words"),
    [
        ("replace", errno.EPERM, "fail", "no rename"),
        ("link", errno.EPERM, "warn", "no hard links"),
        ("fsync", errno.EINVAL, "warn", "no fsync"),
    ],
)
def test_what_a_file_system_lacks_is_named(tmp_path, monkeypatch, function, number, state, words):
    monkeypatch.setattr(machine_checks.os, function, refuse(number))
    found = [row for row in machine_checks.check_folder("results", tmp_path) if row.state != "ok"]
    assert [(row.state, words in row.text) for row in found] == [(state, True)]


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_checks.fcntl, "flock", refuse(errno.ENOLCK))
    found = [row for row in machine_checks.check_folder("results", tmp_path) if row.state != "ok"]
    assert [row.state for row in found] == ["warn"]
    assert "no flock" in found[0].text


def test_a_clock_that_is_ahead_is_named(tmp_path, monkeypatch):
    now = machine_checks.time.time
    monkeypatch.setattr(machine_checks.time, "time", lambda: now() - 3600)
    rows = list(machine_checks.check_folder("results", tmp_path))
    assert "its clock is 3600 s ahead" in rows[-1].text
    assert rows[-1].state == "warn"


def test_a_full_disk_fails(tmp_path, monkeypatch):
    usage = machine_checks.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert states(machine_checks.check_folder("results", tmp_path))["results"] == "fail"
    assert machine_checks.check_temporary().state == "fail"


def test_a_user_without_an_entry_and_a_home_is_warned(monkeypatch):
    monkeypatch.setattr(machine_checks.pwd, "getpwuid", {}.__getitem__)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    assert states(machine_checks.check_account()) == {"account": "warn", "home": "warn"}


def test_no_shared_memory_fails(monkeypatch):
    class Context:
        Semaphore = staticmethod(refuse(errno.ENOSYS))

    monkeypatch.setattr(machine_checks.multiprocessing, "get_context", lambda _: Context)
    assert machine_checks.check_semaphores().state == "fail"


def test_low_limits_are_warned_of(monkeypatch):
    monkeypatch.setattr(machine_checks.resource, "getrlimit", lambda _: (16, 4096))
    assert states(machine_checks.check_limits()) == {"open files": "warn", "processes": "warn"}
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(machine_checks.resource, "getrlimit", lambda _: unlimited)
    assert states(machine_checks.check_limits()) == {"open files": "ok", "processes": "ok"}


def test_a_locale_that_is_not_utf_8_is_warned_of():
    code = "from odyssey.checks.machine import check_locale as c; print(ascii(c().state))"
    changes = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.check_output([sys.executable, "-c", code], env=os.environ | changes)
    assert ran.strip() == b"'warn'"


def test_without_a_compiler_a_study_needs_built_kernels(config, compiler, monkeypatch):
    from odyssey.engines.fused import build
    from odyssey.networks.variants import VARIANTS

    study = Study(config)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert states(software_checks.check_compiler(study)) == {"compiler": "fail"}
    assert states(software_checks.check_compiler(Study(config | {"kernels": "gluon"}))) == {
        "compiler": "warn"
    }
    monkeypatch.setenv("CXX", str(compiler.path))
    build(VARIANTS.values())
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert states(software_checks.check_compiler(study)) == {"compiler": "warn"}


def test_what_a_compiler_can_not_build_is_named(config, compiler):
    compiler.refuse("-mavx512f")
    rows = list(software_checks.check_compiler(Study(config)))
    assert [row.state for row in rows if row.state != "warn"] == ["ok", "ok"]
    if "avx512" in software_checks.buildable_sets():
        assert "-mavx512f" in next(row.text for row in rows if row.state == "warn")


def test_packages_of_other_versions_fail(monkeypatch):
    monkeypatch.setattr(software_checks.importlib.metadata, "version", lambda _: "0.0")
    (row,) = (row for row in software_checks.check_packages() if row.name == "packages")
    assert row.state == "fail"
    assert "numpy must be 1.26.4, is 0.0" in row.text


def test_a_process_that_is_killed_is_one_line():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    assert software_checks._in_a_process("-c", code) == (
        False,
        "the process was killed by signal 4",
    )


def test_a_library_that_mxnet_lacks_is_named_with_its_package():
    from odyssey.engines.mx import _refusal

    gone = "libgomp.so.1: cannot open shared object file: No such file or directory"
    assert "apt-get install libgomp1" in _refusal(OSError(gone))
    older = "/lib/libstdc++.so.6: version `GLIBCXX_3.4.22' not found (required by libmxnet.so)"
    assert "LD_LIBRARY_PATH" in _refusal(OSError(older))
    assert "NVIDIA's driver" in _refusal(OSError("libcuda.so.1: cannot open shared object file"))
    assert "make env" in _refusal(ModuleNotFoundError("No module named 'mxnet'"))
    assert "NVIDIA" not in _refusal(OSError(gone)) + _refusal(AttributeError("a\nb"))


def test_a_gpu_that_is_wanted_and_not_there_is_a_warning(config, monkeypatch):
    from odyssey.engines.gpu import device

    monkeypatch.setattr(device, "report", lambda: iter(["no GPU: no driver"]))
    assert software_checks.check_gpu(Study(config)).state == "ok"
    config["task_settings"]["jsb"]["device"] = "gpu"
    assert software_checks.check_gpu(Study(config)) == Row(
        "GPU",
        "warn",
        "jsb (`device: gpu`) must train where there is one, here they can't: no GPU: no driver",
    )
