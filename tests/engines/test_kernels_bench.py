"""The benchmark: its rows, its clock, its floor."""

import json
import sys

import pytest
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.networks.variants import VANILLA, VARIANTS
from odyssey.tasks import TASKS
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("libraries")


@pytest.fixture
def step(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    module = pytest.importorskip("benchmarks.step")
    monkeypatch.setattr(module, "PEERS", {})
    return module


@pytest.mark.parametrize("code", ["V", "GRU", "RNN"])
def test_rows_are_written(step, tmp_path, code):
    out = tmp_path / "rows.json"
    options = ["--task", "jsb", "--variant", code, "--hidden", "5", "--rounds", "1"]
    result = CliRunner().invoke(main, ["bench", "step", *options, "--json", str(out)])
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())
    assert {row["implementation"] for row in rows} == {"floor", "hard floor", "fused", "kernel"}
    for row in rows:
        assert (row["task"], row["variant"], row["hidden"]) == ("jsb", code, 5)
        assert row["ms"] > 0


def test_the_median_is_taken_in_turns_whose_first_step_does_not_count(step):
    now, turns = [0.0], []

    def contestant(name, seconds):
        def run():
            cold = turns[-1:] != [name]
            turns.append(name)
            now[0] += seconds + cold

        return run

    steps = {"a": contestant("a", 0.010), "b": contestant("b", 0.020)}
    found = step.milliseconds(steps, 3, lambda: now[0])
    assert found == pytest.approx({"a": 10, "b": 20})
    assert turns == ["a", "a", "b", "b"] * 3


def test_the_floors_grow_with_the_weights(step, monkeypatch):
    machine = step.Machine(TASKS["timit"].network(VANILLA, 5))
    monkeypatch.setattr(machine, "rate", lambda what: 2e9 if what == "multipliers" else 1e9)
    floors = [machine.floors(TASKS["timit"].network(VANILLA, H), 300) for H in (20, 64, 200)]
    assert floors[0]["floor"] < floors[1]["floor"] < floors[2]["floor"]
    reading, products = 2 * 2 * 4 * 1600, 2 * (2 * 80 * 39 + 1600) + 3 * 61 * 40
    assert floors[0]["floor"] == pytest.approx(300 * (reading + products) / 1e6)
    assert floors[0]["hard floor"] == pytest.approx(300 * (reading + products / 2) / 1e6)
    fgr = machine.floors(TASKS["timit"].network(VARIANTS["FGR"], 200), 300)
    assert fgr["floor"] > 2 * floors[2]["floor"]


def test_the_machine_is_measured_in_its_turns(step):
    spec = TASKS["jsb"].network(VANILLA, 7)
    machine = step.Machine(spec)
    for _ in range(3):
        machine.turn(spec)()
    bytes_read, blas, multipliers = map(machine.rate, (4 * 4 * 49, "blas", "multipliers"))
    assert bytes_read > 1e9
    assert 1e8 < blas < 1.5 * multipliers
