import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from odyssey.study import ConfigError, Study, load_study, read_study

from .conftest import ROOT, SCHEMA


def test_the_config_is_the_papers_study(config):
    study = load_study(config, SCHEMA)
    runs = sum(study.trials(task) * len(study.variants) for task in study.tasks)
    assert runs == 5400
    assert len(study.tasks) * len(study.variants) == 27
    assert (study.protocol.epochs, study.protocol.patience) == (150, 15)
    assert set(study.search_space("timit")) - set(study.search_space("jsb")) == {"nesterov", "clip"}


def test_blocks_cover_every_trial_once(config):
    config["trials"], config["task_settings"]["jsb"]["trials_per_job"] = 7, 3
    study = load_study(config, SCHEMA)
    assert list(study.blocks("jsb")) == [(0, 2), (3, 5), (6, 6)]
    paths = study.block_paths("jsb")
    assert len(paths) == len(set(paths)) == 3 * 9
    assert str(paths[0]) == "results/jsb/V/trials_0-2.h5"


def test_another_block_size_or_more_trials_change_no_trial(config):
    before = load_study(config, SCHEMA)
    config = json.loads(json.dumps(config))
    config["trials"] = 300
    config["task_settings"]["jsb"]["trials_per_job"] = 7
    after = load_study(config, SCHEMA)
    for trial in (0, 199):
        assert before.trial("jsb", "NP", trial) == after.trial("jsb", "NP", trial)
    assert before.search_fingerprint("jsb") == after.search_fingerprint("jsb")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("protocol", "epochs", 149),
        ("protocol", "weight_std", 0.2),
        ("search_space", "noise", {"law": "fixed", "value": 0.0}),
    ],
)
def test_a_change_that_matters_changes_the_fingerprints(config, section, key, value):
    before = Study(json.loads(json.dumps(config)))
    config[section][key] = value
    after = load_study(config, SCHEMA)
    assert before.search_fingerprint("jsb") != after.search_fingerprint("jsb")
    assert before.trial("jsb", "V", 0).fingerprint != after.trial("jsb", "V", 0).fingerprint


def test_every_trial_has_a_fingerprint_and_a_seed_of_its_own(config):
    study = load_study(config, SCHEMA)
    trials = [
        study.trial(task, v, k) for task in study.tasks for v in ("V", "NP") for k in range(9)
    ]
    assert len({trial.fingerprint for trial in trials}) == len(trials)
    assert len({trial.training_seed for trial in trials}) == len(trials)


def test_the_update_rule_and_network_come_from_the_draw(config):
    trial = load_study(config, SCHEMA).trial("timit", "CIFG", 5)
    assert trial.rule.nesterov == trial.hyperparameters["nesterov"]
    assert trial.rule.clip == trial.hyperparameters["clip"]
    assert trial.network.hidden == trial.hyperparameters["hidden"]
    assert trial.network.bidirectional
    assert trial.network.variant.code == "CIFG"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variants": ["V", "LSTM"]}, "unknown LSTM variant 'LSTM'"),
        ({"tasks": ["mnist"]}, "tasks.0: 'mnist' is not one of"),
        ({"trials": 0}, "trials: 0 is less than the minimum of 1"),
        ({"trails": 3}, "'trails' was unexpected"),
        ({"seed": "7"}, "seed: '7' is not of type 'integer'"),
    ],
)
def test_a_bad_config_gets_one_line(config, change, message):
    with pytest.raises(ConfigError) as caught:
        load_study(config | change, SCHEMA)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_search_space_that_makes_no_sense_gets_one_line(config):
    config["search_space"]["noise"] = {"law": "log-uniform", "low": 0, "high": 1}
    with pytest.raises(ConfigError, match="search space of timit: a logarithmic range"):
        load_study(config, SCHEMA)


@pytest.mark.parametrize(
    ("law", "drawn"),
    [
        ({"law": "fixed", "value": 0.5}, {0.5}),
        ({"law": "choice", "levels": [0.5, 0.25]}, {0.25, 0.5}),
    ],
)
def test_a_study_file_may_change_the_kind_of_a_law(tmp_path, law, drawn):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"search_space": {"momentum": law}}))
    study = read_study([file], ROOT)
    found = {study.trial("jsb", "V", k).hyperparameters["momentum"] for k in range(20)}
    assert found == drawn


def test_importing_a_study_needs_none_of_the_heavy_packages():
    code = (
        "import sys, odyssey.study, odyssey.variants, odyssey.search;"
        "print([m for m in ('mxnet', 'numpy', 'pandas', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path("/")
    )
    assert out.stdout.strip() == "[]"
