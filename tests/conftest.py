"""What several tests share: the paper's config, a tiny study, tiny data."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from odyssey.study.study import Study, load_study
from tests.support import longest
from tests.support.fake_compiler import FakeCompiler
from tests.support.rows import rows_of_a_test

ROOT = Path(__file__).parents[1]
# Hundreds of processes start: each would compile the package, where byte code is not kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A shell starts what runs in its background deaf to Ctrl-C, and so would be all that tests start.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A busy machine must not fail a test.
settings.register_profile("odyssey", deadline=None)
settings.load_profile("odyssey")

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"


def pytest_collection_modifyitems(items):
    """Mark what is slow, and begin with the files that take longest."""
    for item in filter(longest.is_slow, items):
        item.add_marker(pytest.mark.slow)
    longest.longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Say how many processes ``-n auto`` starts."""
    return longest.workers(config)


def pytest_terminal_summary(terminalreporter):
    """Name the files that took longest; pytest's --durations names the tests."""
    reports = [each for found in terminalreporter.stats.values() for each in found]
    lines = longest.files_by_time(each for each in reports if isinstance(each, pytest.TestReport))
    if lines:
        terminalreporter.section("slowest 10 files")
        terminalreporter.write("".join(f"{line}\n" for line in lines))


@pytest.fixture(scope="module", autouse=True)
def _rows_end_with_their_file():
    """Forget after a test file what its tests registered: a worker goes on with other files."""
    with rows_of_a_test():
        yield


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
