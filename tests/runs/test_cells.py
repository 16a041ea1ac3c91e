"""The study of docs/extending.md with GRU, RNN and a cell of one's own, trained as it stands."""

import re

import pytest
import yaml

from benchmarks.tiny import tiny_dataset
from odyssey.runs.block import run_block
from odyssey.runs.tables import collect
from odyssey.storage.datasets import write_dataset
from odyssey.storage.tree_file import load_tree
from odyssey.study.study import load_study
from tests.conftest import ROOT, SCHEMA
from tests.support.rows import rows_of_a_test

pytestmark = pytest.mark.usefixtures("libraries")

TRIALS = 2


def file_of_the_docs(kind, name):
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return re.search(rf"```{kind}\n(# {name}\n.*?)```", text.partition("### A cell")[2], re.S)[1]


@pytest.fixture
def study(config, tmp_path, monkeypatch):
    """The study, smaller."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_cell.py").write_text(file_of_the_docs("python", "my_cell.py"), encoding="utf-8")
    file = yaml.safe_load(file_of_the_docs("yaml", "my-study.yaml"))
    hidden = {"law": "uniform", "low": 3, "high": 6, "integer": True}
    changes = {
        **file,
        "search_space": config["search_space"]
        | {"hidden": hidden}
        | {
            name: {"law": "fixed", "value": value}
            for name, value in {"forget_bias": 1.0, "learning_rate": 0.01, "momentum": 0.9}.items()
        },
        "results": str(tmp_path / "results"),
        "protocol": config["protocol"] | {"epochs": 2},
        "trials": TRIALS,
        "kernels": "fused",
    }
    with rows_of_a_test():
        yield load_study(config | changes, SCHEMA)


def test_the_cells_of_the_docs_are_trained_each_by_what_knows_it(study, tmp_path):
    assert study.variants == ["V", "GRU", "RNN", "LEAK"]
    assert study.without_factors() == [
        "forget_bias is no factor of GRU, RNN, LEAK, which have nothing that it acts on: it is "
        "not drawn there"
    ]
    write_dataset(tmp_path / "jsb.h5", tiny_dataset("jsb"))
    blocks = [tmp_path / f"{variant}.h5" for variant in study.variants]
    for variant, block in zip(study.variants, blocks, strict=True):
        run_block(study, "jsb", variant, 0, TRIALS - 1, tmp_path / "jsb.h5", block)
        tree = load_tree(study.trial_path("jsb", variant, 1))
        assert tree["kernels"].startswith("gluon" if variant == "LEAK" else "fused, ")
    trials, _ = collect(blocks)
    assert set(trials.status) == {"finished"}
    for row in trials.to_dict("records"):
        spec = study.trial("jsb", row["variant"], row["trial"])
        assert row["parameters"] == spec.network.size
        assert row["best_epoch"] > 0  # better than the untrained net
