"""What several tests share: the paper's config, a tiny study, tiny data."""

import signal
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from odyssey.study.study import Study, load_study
from tests.support.fake_compiler import FakeCompiler

ROOT = Path(__file__).parents[1]
# A shell starts what runs in its background deaf to Ctrl-C, and so would be all that tests start.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine must not fail a test.
settings.register_profile("odyssey", deadline=None)
settings.load_profile("odyssey")

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"


#: Folders and files of tests that take more than a few seconds: they start SLURM, Snakemake, a
#: browser, a compiler or many processes, train to the end, or grow many forests.
SLOW = (
    *("slurm/test_slurm.py", "slurm/test_slurm_oddities.py", "workflow", "checks"),
    *("runs/test_block.py", "runs/test_factors.py", "runs/test_storm.py", "runs/test_upkeep.py"),
    *("runs/test_cells.py", "runs/test_rules.py"),
    "test_readings.py",
    *("engines/test_gpu_bench.py", "engines/test_gpu_device.py", "engines/test_gpu_fleet.py"),
    *("engines/test_gpu_kernels.py", "engines/test_gpu_trials.py", "engines/test_learning.py"),
    *("engines/test_kernels_bench.py", "engines/test_kernels_build.py"),
    *("engines/test_gpu_nvrtc.py", "runs/test_progress.py", "analysis/test_fanova_trials.py"),
    *("analysis/test_distance.py", "analysis/test_fanova.py", "analysis/test_figures.py"),
    *("analysis/test_of_tables.py", "analysis/test_open.py", "analysis/test_partial.py"),
    *("analysis/test_report.py", "analysis/test_searches.py"),
)


def is_slow(item):
    """Return whether a test is in one of the slow places, or compiles the kernels of a GPU."""
    path = item.path.relative_to(Path(__file__).parent)
    return any(path.is_relative_to(place) for place in SLOW) or "[gpu" in item.nodeid


def pytest_collection_modifyitems(items):
    """Mark what is slow, and begin with the SLURM, where most of the time is waiting."""
    for item in filter(is_slow, items):
        item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slurm") is None)


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A compiler that only notes that it ran, and a folder for kernels; a call counts the runs."""
    fake = FakeCompiler(tmp_path / "g++")
    monkeypatch.setenv("CXX", str(fake.path))
    monkeypatch.setenv("ODYSSEY_KERNELS", str(tmp_path / "kernels"))
    return fake


def papers_config():
    """The paper's study, as a fresh dictionary."""
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def tiny_study_in(folder) -> Study:
    """Trials of a second: small nets, three epochs, results under the folder."""
    config = papers_config()
    config |= {"results": str(folder / "results"), "trials": 4, "kernels": "gluon"}
    config["search_space"]["hidden"] = {"law": "uniform", "low": 3, "high": 6, "integer": True}
    config["protocol"] |= {"epochs": 3, "patience": 2}
    return load_study(config, SCHEMA)


@pytest.fixture(scope="session")
def libraries():
    """Kernels of the combined rows, of GRU and of RNN: one library, not one for each."""
    from tests.support.libraries import build_others

    build_others()


@pytest.fixture
def config():
    """The paper's study, as a fresh dictionary."""
    return papers_config()


@pytest.fixture
def tiny_study(tmp_path) -> Study:
    """The study of ``tiny_study_in``, its results under tmp_path."""
    return tiny_study_in(tmp_path)
