"""The study file of docs/extending.md over the package's factors, from training to fANOVA."""

import re

import pytest
import yaml

from benchmarks.tiny import tiny_dataset
from odyssey.analysis.fanova.of_study import write_fanova
from odyssey.analysis.findings import read_record, read_trials
from odyssey.analysis.records import Decomposition, TaskAnova
from odyssey.runs.block import run_block
from odyssey.runs.results import collect
from odyssey.storage.datasets import write_dataset
from odyssey.study.study import load_study
from tests.conftest import ROOT

TRIALS = 10
FACTORS = {"forget_bias", "weight_std", "rescale", "clip", "weight_decay"}


def study_of_the_docs(config, folder):
    """The study file of the section, smaller, on Gluon."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    file = yaml.safe_load(re.search(r"```yaml\n(# factors.yaml.*?)```", text, re.DOTALL)[1])
    hidden = {"law": "uniform", "low": 3, "high": 6, "integer": True}
    changes = {
        **file,
        "search_space": config["search_space"] | file["search_space"] | {"hidden": hidden},
        "results": str(folder / "results"),
        "protocol": config["protocol"] | {"epochs": 2},
        "analysis": config["analysis"] | {"trees": 4, "bootstrap": 0},
        "trials": TRIALS,
        "kernels": "gluon",
    }
    return load_study(config | changes)


@pytest.fixture
def study(config, tmp_path):
    """That study, trained to results/jsb/trials.csv."""
    study = study_of_the_docs(config, tmp_path)
    write_dataset(tmp_path / "jsb.h5", tiny_dataset("jsb"))
    blocks = [tmp_path / f"{variant}.h5" for variant in study.variants]
    for variant, block in zip(study.variants, blocks, strict=True):
        run_block(study, "jsb", variant, 0, TRIALS - 1, tmp_path / "jsb.h5", block)
    trials, _ = collect(blocks)
    trials.to_csv(tmp_path / "trials.csv", index=False)
    return study


def test_the_factors_of_the_docs_are_trained_with_and_decomposed(study, tmp_path):
    trials = read_trials(tmp_path / "trials.csv")
    assert set(trials.columns) >= FACTORS
    for variant, rows in trials.groupby("variant"):
        for row in rows.to_dict("records"):
            drawn = study.trial("jsb", variant, row["trial"]).hyperparameters
            assert {name: row[name] for name in drawn} == drawn
    lacking = trials[trials.variant == "NFG"]
    assert lacking.forget_bias.isna().all()
    assert len(lacking) == TRIALS
    write_fanova(study, "jsb", tmp_path / "trials.csv", tmp_path / "fanova.json")
    found = read_record(TaskAnova, tmp_path / "fanova.json")
    assert found.searches["NFG"].lacks == ("forget_bias",)
    assert found.factors.keys() >= FACTORS
    for code, named in (("V", FACTORS), ("NFG", FACTORS - {"forget_bias"})):
        anova = found.of(code)
        assert isinstance(anova, Decomposition)
        assert anova.mains.keys() & FACTORS == named
    assert isinstance(found.joint, Decomposition)
    assert found.joint.mains.keys() & FACTORS == FACTORS - {"forget_bias"}
