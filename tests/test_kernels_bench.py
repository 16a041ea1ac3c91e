"""The benchmark: its rows, its clock, its floor."""

import json
import sys

import pytest
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.tasks import TASKS
from odyssey.variants import VANILLA, VARIANTS

from .conftest import ROOT


@pytest.fixture
def step(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    module = pytest.importorskip("benchmarks.step")
    monkeypatch.setattr(module, "PEERS", {})
    return module


def test_rows_are_written(step, tmp_path):
    out = tmp_path / "rows.json"
    options = ["--task", "jsb", "--variant", "V", "--hidden", "5", "--rounds", "1"]
    result = CliRunner().invoke(main, ["bench", "step", *options, "--json", str(out)])
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())
    assert {row["implementation"] for row in rows} == {"floor", "fused", "kernel"}
    for row in rows:
        assert (row["task"], row["variant"], row["hidden"]) == ("jsb", "V", 5)
        assert row["ms"] > 0


def test_the_median_is_taken_in_turns(step):
    now, turns = [0.0], []

    def contestant(name, seconds):
        def run():
            turns.append(name)
            now[0] += seconds

        return run

    steps = {"a": contestant("a", 0.010), "b": contestant("b", 0.020)}
    found = step.milliseconds(steps, 3, lambda: now[0])
    assert found == pytest.approx({"a": 10, "b": 20})
    assert turns[:6] == ["a", "b", "a", "b", "a", "b"]


def test_the_floor_grows_with_the_weights(step):
    machine = step.Machine(TASKS["timit"].network(VANILLA, 5))
    machine.bandwidth, machine.peak = lambda size: 1e9, 1e9
    sizes = [machine.floor(TASKS["timit"].network(VANILLA, H), 300) for H in (20, 64, 200)]
    assert sizes == sorted(sizes)
    by_hand = 300 * (2 * 2 * 4 * 1600 + 2 * (2 * 80 * 39 + 1600) + 3 * 61 * 40) / 1e6
    assert sizes[0] == pytest.approx(by_hand)
    fgr = machine.floor(TASKS["timit"].network(VARIANTS["FGR"], 200), 300)
    assert fgr > 2 * sizes[2]
