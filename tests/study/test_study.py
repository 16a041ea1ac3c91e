import hashlib
import json
import math
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from odyssey.study.study import ConfigError, Study, load_study, read_study
from tests.conftest import ROOT, SCHEMA


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
    blocks = list(study.blocks("jsb"))
    assert [block[2:] for block in blocks if block.variant == "V"] == [(0, 2), (3, 5), (6, 6)]
    assert [k for block in blocks for k in block.trials] == 9 * list(range(7))
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


def test_fingerprints_of_the_papers_study_are_those_of_its_first_results(config):
    """Results on people's disks have them: whoever changes one discards these results."""
    study = load_study(config, SCHEMA)
    trials = {
        ("jsb", "V", 0): "36c86333d44a9e2852ef93f2b4c80e41",
        ("timit", "NFG", 7): "8ff11e6279ee8c5800a1c7a8139f3409",
        ("iamondb", "FGR", 199): "970345a9ce82e0bff53704553b95d74b",
    }
    assert {trial: study.trial(*trial).fingerprint for trial in trials} == trials
    assert study.search_fingerprint("jsb") == "0579cdbee68f4d52204107794d5a8ab8"


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
        ({"variants": ["V", "LSTM"]}, "unknown cell 'LSTM': use V, NIG, NFG"),
        ({"variants": ["CIFG+NP", "V", "NP+CIFG"]}, "NP+CIFG is the same network as CIFG+NP"),
        ({"variants": ["V", "NP", "V+NP"]}, "V+NP is the same network as NP: leave one out"),
        ({"tasks": ["mnist"]}, "tasks: unknown task 'mnist': use timit, iamondb, jsb"),
        ({"tasks": [1]}, "tasks.0: 1 is not of type 'string'"),
        ({"trials": 0}, "trials: 0 is less than the minimum of 1"),
        ({"trails": 3}, "'trails' was unexpected"),
        ({"seed": "7"}, "seed: '7' is not of type 'integer': write 7 without quotes"),
        ({"seed": 2**63}, "seed: 9223372036854775808 is greater than the maximum"),
        ({"seed": date(2024, 1, 1)}, "seed: datetime.date(2024, 1, 1) is not of type 'integer'"),
        ({"trials": 7.0}, "trials: 7.0 is not of type 'integer'"),
        ({"trials": True}, "trials: True is not of type 'integer'"),
        ({"trials": 10**9}, "trials: 1000000000 is greater than the maximum"),
        ({"variants": ["V", False]}, "variants.1: False is not of type 'string': to YAML yes, no,"),
        ({"kernels": False}, "kernels: False is not one of ['fused', 'gluon']: to YAML"),
        ({"results": 2024}, "results: 2024 is not of type 'string': text needs quotes, write"),
        ({"results": "a/{b}"}, "results: must be a path without braces"),
        ({"data_folder": "$NOWHERE/x"}, "data_folder: the variable NOWHERE must be set"),
        ({"checkpoint_minutes": math.inf}, "checkpoint_minutes: must be a finite number, got inf"),
        ({"checkpoint_minutes": math.nan}, "checkpoint_minutes: must be a finite number, got nan"),
    ],
)
def test_a_bad_config_gets_one_line(config, monkeypatch, change, message):
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(ConfigError) as caught:
        load_study(config | change, SCHEMA)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("protocol", {"epochs": 150.0}, "protocol.epochs: 150.0 is not of type 'integer'"),
        ("protocol", {"weight_std": math.nan}, "protocol.weight_std: must be a finite number"),
        ("protocol", {"weight_std": math.inf}, "protocol.weight_std: inf is greater than"),
        ("protocol", {"weight_std": "1e-1"}, "write 1.0e-1 without quotes"),
        ("analysis", {"top": math.nan}, "analysis.top: must be a finite number, got nan"),
        ("analysis", {"alpha": math.nan}, "analysis.alpha: must be a finite number, got nan"),
        ("data", {"jsb": {"source": "json", "path": "$NOWHERE"}}, "data.jsb.path: the variable"),
        (
            "data",
            {"jsb": {"source": "json", "path": 5}},
            "data.jsb.path: must be text, got 5: text needs",
        ),
        (
            "data",
            {"jsb": {"source": "tape"}},
            "jsb.source: jsb has no source 'tape': use mat, pickle",
        ),
        (
            "data",
            {"jsb": {"source": "mat", "paht": "x"}},
            "no option paht: use chorales, normalise",
        ),
        ("data", {"jsb": {"source": "music21", "normalise": "true"}}, "write true without quotes"),
        ("data", {"jsb": {"source": True}}, "data.jsb.source: True is not of type 'string'"),
        ("data", {"timit": {}}, "timit.source: must say where the data of timit come from: timit,"),
        (
            "data",
            {"timit": {"source": "timit", "split": True}},
            "official, speaker, utterance, got",
        ),
        ("data", {"mnist": {"source": "x"}}, "data: unknown task 'mnist': use timit, iamondb"),
        ("task_settings", {"mnist": {}}, "task_settings: unknown task 'mnist': use timit"),
        ("data", {"timit": {"source": "synthetic", "speakers": 36.0}}, "to 10000, got 36.0"),
    ],
)
def test_a_bad_value_of_a_section_gets_one_line(config, monkeypatch, section, change, message):
    monkeypatch.delenv("NOWHERE", raising=False)
    config[section] |= change
    with pytest.raises(ConfigError) as caught:
        load_study(config, SCHEMA)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "law", "message"),
    [
        ("noise", {"law": "log-uniform", "low": 0, "high": 1}, "noise: a logarithmic range needs"),
        ("hidden", {"law": "fixed", "value": -5}, "hidden: must be a whole number from 1 to 8192"),
        (
            *("hidden", {"law": "choice", "levels": ["20"]}),
            "hidden: must be a whole number from 1 to 8192, got '20': write 20 without quotes",
        ),
        ("hidden", {"law": "choice"}, "hidden: 'levels' is a required property"),
        ("momentum", {"law": "fixed", "value": 1}, "momentum: must be a number from 0 to"),
        (
            *("learning_rate", {"law": "choice", "levels": ["1e-3", "1e-2"]}),
            "must be a number above 0, from 1e-20 to 1e20, got '1e-3': write 1.0e-3 without",
        ),
        (
            *("learning_rate", {"law": "log-uniform", "low": "1e-6", "high": 1}),
            "learning_rate.low: '1e-6' is not of type 'number': write 1.0e-6 without quotes",
        ),
        ("noise", {"law": "choice", "levels": [None, 1]}, "noise.levels.0: None is not of type"),
        ("noise", {"law": "uniform", "low": 0, "high": math.inf}, "noise.high: must be a finite"),
        ("noise", {"law": "choice", "levels": [0, 0.0]}, "noise.levels: [0, 0.0] has non-unique"),
        (
            *("optimizer", {"law": "choice", "levels": ["adam", "adagrad"]}),
            "optimizer: must be nesterov, momentum, sgd, adam or rmsprop, got 'adagrad'",
        ),
        ("optimizer", {"law": "fixed", "value": True}, "adam or rmsprop, got True"),
        ("optimizer", {"law": "uniform", "low": 0, "high": 1}, "law must be choice or fixed"),
        ("beta2", {"law": "fixed", "value": 1}, "beta2: must be a number from 0 to 0.99999994"),
        ("epsilon", {"law": "fixed", "value": 0}, "epsilon: must be a number above 0"),
        ("output_dropout", {"law": "fixed", "value": 1}, "must be a number from 0 to 0.99"),
        (
            "speed",
            {"law": "fixed", "value": 1},
            "unknown hyperparameter 'speed': use hidden, learning_",
        ),
    ],
)
def test_a_search_space_that_makes_no_sense_gets_one_line(config, name, law, message):
    config["search_space"][name] = law
    with pytest.raises(ConfigError) as caught:
        load_study(config, SCHEMA)
    assert message in str(caught.value)
    assert str(caught.value).startswith("config: search_space")
    assert "\n" not in str(caught.value)


def test_a_study_need_not_mention_what_it_does_not_run(config):
    for section in ("data", "task_settings"):
        config[section] = {"jsb": config[section]["jsb"]}
    study = load_study(config | {"tasks": ["jsb"]}, SCHEMA)
    assert study.data_options("jsb") == {"source": "music21"}
    del config["data"], config["task_settings"]
    with pytest.raises(
        ConfigError, match=r"data\.jsb\.source: must say where the data of jsb come"
    ):
        load_study(config | {"tasks": ["jsb"]}, SCHEMA)
    config["data"] = {"jsb": {"source": "music21"}}
    study = load_study(config | {"tasks": ["jsb"]}, SCHEMA)
    assert [block.last for block in study.blocks("jsb")][:2] == [19, 39]


def test_what_is_not_searched_takes_its_default_and_what_has_none_is_asked_for(config):
    space = config["search_space"]
    del space["momentum"], space["noise"]
    trial = load_study(config, SCHEMA).trial("jsb", "V", 0)
    assert (trial.rule.momentum, trial.rule.nesterov, trial.rule.clip, trial.noise) == (
        0,
        True,
        0,
        0,
    )
    assert trial.start.weight_std == config["protocol"]["weight_std"]
    del space["hidden"]
    with pytest.raises(ConfigError, match=r"search_space: timit needs a law of hidden there"):
        load_study(config, SCHEMA)


@pytest.mark.parametrize(
    ("levels", "words"),
    [(["true", "false"], "without quotes"), ([1, 0], "true or false, got 1"), ([True, 1], "twice")],
)
def test_switches_are_switched_by_true_and_false_alone(config, levels, words):
    settings = config["task_settings"]["timit"]
    settings["search_space"]["nesterov"] = {"law": "choice", "levels": levels}
    with pytest.raises(ConfigError, match=words) as caught:
        load_study(config, SCHEMA)
    assert str(caught.value).startswith("config: task_settings.timit.search_space.nesterov")


def test_layers_wider_than_the_gpu_kernels_know_are_refused_on_gpus_alone(config):
    config["search_space"]["hidden"] = {"law": "fixed", "value": 1025}
    load_study(config, SCHEMA)
    config["task_settings"]["jsb"]["device"] = "gpu"
    with pytest.raises(ConfigError, match="up to 1024 blocks, got 1025: narrow the law"):
        load_study(config, SCHEMA)
    load_study(config | {"kernels": "gluon"}, SCHEMA)


def test_paths_are_expanded_and_the_config_keeps_their_text(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SCRATCH", "/scratch/ada")
    config |= {"results": "~/results", "data_folder": "$SCRATCH/data"}
    config["data"]["timit"] = {"source": "timit", "path": "${SCRATCH}/TIMIT"}
    study = load_study(config, SCHEMA)
    assert study.block_path("jsb", "V", 0, 9) == Path("/home/ada/results/jsb/V/trials_0-9.h5")
    assert study.trial_path("jsb", "V", 0) == Path("/home/ada/results/trials/jsb/V/0.h5")
    assert study.data_path("jsb") == Path("/scratch/ada/data/jsb.h5")
    assert study.data_options("timit") == {"source": "timit", "path": "/scratch/ada/TIMIT"}
    assert study.config["data"]["timit"]["path"] == "${SCRATCH}/TIMIT"


def test_a_package_without_its_checkout_says_so(config, tmp_path):
    with pytest.raises(ConfigError, match="odyssey runs from its checkout"):
        load_study(config, tmp_path / "schemas" / "config.schema.yaml")


def digest_of_draws(study):
    """The draws of all trials, as Python prints them: every bit and every type counts."""
    digest = hashlib.sha256()
    for task in study.tasks:
        for variant in study.variants:
            for trial in range(study.trials(task)):
                digest.update(repr(study.trial(task, variant, trial).hyperparameters).encode())
    return digest.hexdigest()[:32]


@pytest.mark.parametrize(
    ("file", "digest"),
    [
        ("config.yaml", "9e10601c5cd920f4610eb04434a3b670"),
        ("profiles/demo/study.yaml", "a5469069b9b90e2b72d9401b1da867fe"),
        ("docs/real-data.yaml", "72dc6fc0e9db4e9119f40ccb26457bb4"),
        ("docs/reproduction-jsb.yaml", "796d6e50da7e5bd1f379785993873412"),
    ],
)
def test_all_draws_stay_what_they_were(file, digest):
    """Bit for bit: results of years are worth nothing to a study that draws otherwise."""
    assert digest_of_draws(read_study([ROOT / file], ROOT)) == digest


def test_some_draws_in_numbers():
    drawn = read_study([], ROOT).trial("timit", "NP", 3).hyperparameters
    assert drawn == {
        "hidden": 85,
        "learning_rate": 0.00018264283920814309,
        "momentum": 0.7748490616774113,
        "noise": 0.26612562968266373,
        "nesterov": False,
        "clip": True,
    }
    demo = [ROOT / "profiles" / "demo" / "study.yaml"]
    assert read_study(demo, ROOT).trial("iamondb", "FGR", 9).hyperparameters == {
        "hidden": 12,
        "learning_rate": 0.003442527925128148,
        "momentum": 0.566890630367602,
        "noise": 0.8365759829031872,
    }


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
        "import sys, odyssey.study.study, odyssey.networks.variants, odyssey.study.search;"
        "print([m for m in ('mxnet', 'numpy', 'pandas', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path("/")
    )
    assert out.stdout.strip() == "[]"
