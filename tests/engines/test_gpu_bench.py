"""The benchmark runs, on an emulated GPU."""

import json

import pytest

from benchmarks import gpu
from odyssey.engines.gpu import device, nvrtc
from odyssey.networks.variants import get_variant
from tests.support.emulated_gpu import EmulatedDriver


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setattr(device, "Driver", EmulatedDriver)
    monkeypatch.setattr(nvrtc, "compile_ptx", lambda *_: "")


def test_it_measures_what_it_says(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu, "VARIANTS", ["NP"])
    monkeypatch.setattr(gpu, "STEPS", 2)
    monkeypatch.setattr(gpu, "Driver", lambda: EmulatedDriver(get_variant("NP")))
    error = gpu.errors("NP", 8, 5)
    assert error < 1e-5
    monkeypatch.setattr(gpu, "errors", lambda *_: error)
    monkeypatch.setattr(gpu, "Driver", EmulatedDriver)
    gpu.main(tmp_path / "rows.json", sizes=[5], trials=[1, 2], frames=6, rounds=1)
    first, *times = json.loads((tmp_path / "rows.json").read_text())
    assert first == {"variant": "NP", "hidden": 64, "error": error}
    assert [row["trials"] for row in times] == [1, 2]
    assert all(row["step_ms"] == pytest.approx(row["trials"] * row["sequence_ms"]) for row in times)
    assert times[1]["floor_ms"] > times[0]["floor_ms"] > 0
    assert "Emulated GPU" in capsys.readouterr().out


@pytest.mark.parametrize(("H", "slowest"), [(64, 4 * 64**2), (200, 16 * 200**2 - 419 * 1024)])
def test_the_floor_is_the_chain_and_the_products(monkeypatch, H, slowest):
    monkeypatch.setattr(gpu, "Driver", EmulatedDriver)  # 2 processors of 64 lanes at 1 GHz
    waves, T, D, K = 3, 10, gpu.INPUTS, gpu.OUTPUTS
    chain = waves * 2 * T * (slowest / 64 + gpu.LATENCY)
    others = 3 * T * (2 * (2 * 4 * H * D + 4 * H * H) + 3 * K * 2 * H) / 128
    assert gpu.floor("V", H, 3, T) == pytest.approx((chain + others) * 1e-6)
