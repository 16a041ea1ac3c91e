"""Whole trials on an emulated GPU: as on the CPU to rounding, resumable on either."""

import pytest

from benchmarks.tiny import tiny_dataset
from odyssey.engines.choose import new_model
from odyssey.engines.fused.model import FusedModel
from odyssey.engines.gpu import device, model, nvrtc
from odyssey.engines.gpu.driver import Driver, GpuError
from odyssey.networks.variants import VANILLA
from odyssey.runs import block, stopping
from odyssey.runs.results import read_block
from odyssey.runs.trial import run_trial
from odyssey.storage.datasets import write_dataset
from odyssey.storage.tree_file import load_tree
from odyssey.study.study import load_study
from tests.conftest import SCHEMA
from tests.support.emulated_gpu import EmulatedDriver

SEQUENCES = 7


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    """A machine with a GPU, whose runs are shorter than an epoch."""
    monkeypatch.setattr(device, "Driver", lambda: EmulatedDriver(VANILLA))
    monkeypatch.setattr(nvrtc, "compile_ptx", lambda *_: "")
    monkeypatch.setattr(model, "RUN", 3)
    monkeypatch.setattr(model.GpuModel, "run_length", 3)
    device._fleet.cache_clear()
    yield
    device._fleet.cache_clear()


@pytest.fixture
def study(tiny_study):
    """Four vanilla trials a block."""
    config = dict(tiny_study.config) | {"kernels": "fused", "trials_per_gpu": 3}
    config["task_settings"]["timit"] |= {"device": "gpu", "trials_per_job": 4}
    return load_study(config, SCHEMA)


def trained(study, trial, path, where, dataset):
    return run_trial(study.trial("timit", "V", trial), dataset, path, "fused", device=where)


@pytest.mark.parametrize("task", ["timit", "jsb", "iamondb"])
def test_a_trial_on_the_gpu_is_that_on_the_cpu(study, task, tmp_path):
    dataset, spec = tiny_dataset(task, SEQUENCES), study.trial(task, "V", 1)
    results = [
        run_trial(spec, dataset, tmp_path / f"{where}.h5", "fused", device=where)
        for where in ("cpu", "gpu")
    ]
    cpu, gpu = (result.curves for result in results)
    assert list(cpu["train"]) == pytest.approx(list(gpu["train"]), rel=1e-5)
    assert list(cpu["valid"]) == pytest.approx(list(gpu["valid"]), rel=1e-5)
    assert results[1].kernels == "fused, Emulated GPU"


def test_checkpoints_move_between_cpu_and_gpu_and_resume_bit_for_bit(study, tmp_path, monkeypatch):
    dataset = tiny_dataset("timit", SEQUENCES)
    straight = trained(study, 2, tmp_path / "straight.h5", "gpu", dataset)
    moved = []
    for first, second in (("gpu", "gpu"), ("gpu", "cpu"), ("cpu", "gpu")):
        path = tmp_path / f"{first}-{second}.h5"
        monkeypatch.setattr(stopping, "requested", stop_after(3))
        with pytest.raises(stopping.Stopped):
            trained(study, 2, path, first, dataset)
        monkeypatch.setattr(stopping, "requested", lambda: None)
        moved.append(list(trained(study, 2, path, second, dataset).curves["train"]))
    same, *others = moved
    assert same == list(straight.curves["train"])
    for curve in others:
        assert curve == pytest.approx(same, rel=1e-5)


def stop_after(calls):
    left = iter([None] * calls)
    return lambda: next(left, "SIGTERM")


def test_a_block_trains_its_trials_side_by_side_in_one_process(study, tmp_path):
    data = tmp_path / "timit.h5"
    write_dataset(data, tiny_dataset("timit", 4))
    block.run_block(study, "timit", "V", 0, 3, data, tmp_path / "block.h5", workers=1)
    assert len(read_block(tmp_path / "block.h5")) == 4
    dataset = block.prepared(data)
    for trial in range(4):
        own = trained(study, trial, tmp_path / f"alone-{trial}.h5", "gpu", dataset)
        there = load_tree(study.trial_path("timit", "V", trial))
        assert list(there["curves"]["train"]) == list(own.curves["train"])


def test_a_job_without_a_gpu_begins_nothing(study, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "Driver", lambda: Driver("no-such-library.so"))
    with pytest.raises(block.BlockError, match=r"^no trial of timit was begun: no NVIDIA driver"):
        block.run_block(study, "timit", "V", 0, 3, tmp_path / "none", tmp_path / "block.h5")


def test_gluon_is_refused_where_mxnet_has_no_kernels(study, monkeypatch):
    monkeypatch.setattr(device, "Driver", lambda: EmulatedDriver(VANILLA, capability=(9, 0)))
    spec = study.trial("timit", "V", 0)
    with pytest.raises(GpuError, match=r"MXNet 1\.9\.1"):
        new_model(spec.network, spec.rule, "gluon", "gpu")


def test_the_cpu_stays_where_nothing_is_said(study):
    spec = study.trial("jsb", "V", 0)
    assert study.device("jsb") == "cpu"
    assert isinstance(new_model(spec.network, spec.rule), FusedModel)
