"""The study file of docs/extending.md over the package's factors, from training to fANOVA."""

import pytest

from odyssey.analysis.fanova.of_study import write_fanova
from odyssey.analysis.findings import read_record, read_trials
from odyssey.analysis.records import Decomposition, TaskAnova
from tests.support.docs_study import study_of_the_docs, trained

TRIALS = 10
FACTORS = {"forget_bias", "weight_std", "rescale", "clip", "weight_decay"}


@pytest.fixture
def study(config, tmp_path):
    """That study, trained to results/jsb/trials.csv."""
    small = {"trials": TRIALS, "kernels": "gluon", "epochs": 2, "most_hidden": 6}
    study = study_of_the_docs("factors.yaml", config, tmp_path, **small)
    trained(study, tmp_path)
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
