"""What is said of a GPU and refused before a job, by a driver that describes any device."""

import os
import subprocess
import sys

import pytest

from odyssey.engines.gpu import device as devices
from odyssey.engines.gpu import nvrtc
from odyssey.engines.gpu.device import Device, report, require
from odyssey.engines.gpu.driver import Driver, DriverLauncher, GpuError
from tests.support.emulated_gpu import EmulatedDriver, compiled

H100 = Device("H100", (9, 0), 132, 80 * 2**30, 227 * 2**10, (12, 4))


def a100(driver):
    return Device("A100", (8, 0), 108, 40 * 2**30, 163 * 2**10, driver)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """As if NVRTC 11.8 and MXNet's wheel for GPUs were there."""
    monkeypatch.setattr(nvrtc, "version", lambda: (11, 8))
    monkeypatch.setattr(devices, "_mxnet_lacks_cuda", lambda: "")


@pytest.mark.parametrize(
    ("kernels", "capability", "reason"),
    [
        ("fused", (7, 0), ""),
        ("fused", (9, 0), ""),
        ("fused", (12, 0), ""),
        ("fused", (6, 1), "our CUDA kernels need compute capability 7.0"),
        ("gluon", (6, 1), ""),
        ("gluon", (8, 9), ""),
        ("gluon", (9, 0), r"MXNet 1\.9\.1 .* 5\.0 to 8\.9 only, Emulated GPU has 9\.0"),
        ("gluon", (12, 0), r"MXNet 1\.9\.1 .* 12\.0"),
    ],
)
def test_what_runs_where(kernels, capability, reason):
    driver = EmulatedDriver(capability=capability)
    if not reason:
        assert require(kernels, driver).capability == capability
        return
    with pytest.raises(GpuError, match=rf"^[^\n]*{reason}[^\n]*set the task's device to cpu$"):
        require(kernels, driver)


def test_a_driver_that_is_too_old_is_named():
    assert "NVRTC 11.8 needs a driver" in a100(driver=(11, 2)).refusal("fused")
    assert H100.refusal("fused") == ""


def test_an_mxnet_without_cuda_is_named(monkeypatch):
    monkeypatch.undo()
    assert "make gpu-env" in a100(driver=(12, 2)).refusal("gluon")


def test_no_gpu_and_no_driver_are_one_line_each():
    with pytest.raises(GpuError, match=r"^no GPU is given to this job: [^\n]*$"):
        require("fused", EmulatedDriver(count=0))
    with pytest.raises(GpuError, match=r"^no NVIDIA driver: [^\n]*no-such[^\n]*$"):
        Driver("no-such-library.so")


def test_the_report_says_in_a_few_lines_what_runs(monkeypatch):
    monkeypatch.setattr(nvrtc, "compile_ptx", lambda *_: "")
    lines = list(report(EmulatedDriver(capability=(9, 0))))
    assert len(lines) == 4
    assert "Emulated GPU, compute capability 9.0, 2 multiprocessors, 4 GiB, 163 KiB" in lines[0]
    assert lines[1].endswith("will run")
    assert "MXNet 1.9.1" in lines[2]
    assert "no GPU" in next(iter(report(EmulatedDriver(count=0))))


def test_the_command_finds_the_systems_driver(tmp_path):
    (tmp_path / "libcuda.so.1").symlink_to(compiled(95))
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    command = [sys.executable, "-c", "from odyssey.cli import main; main(['gpu'])"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "GPU 0: Emulated GPU, compute capability 8.0" in done.stdout
    assert "our kernels compile" in done.stdout


def test_the_drivers_words_are_in_the_error():
    launcher = DriverLauncher(EmulatedDriver(), "")
    with pytest.raises(GpuError, match=r"^the NVIDIA driver says in cuMemAlloc_v2: out of memory$"):
        launcher.allocate(2**60)
