"""Factors beyond the paper's: what each changes, and where there is none."""

import dataclasses

import numpy as np
import pytest

from odyssey.networks.cells import get_cell
from odyssey.networks.spec import UpdateRule
from odyssey.runs.trial import first_parameters
from odyssey.study.search import Uniform
from odyssey.study.search_space import sentences
from odyssey.study.study import load_study
from odyssey.study.trials import TrialSpec

BIAS = {"law": "uniform", "low": -2, "high": 2}


def with_laws(config, **laws):
    return load_study(config | {"search_space": config["search_space"] | laws})


def started(spec: TrialSpec):
    return first_parameters(spec, np.random.default_rng(spec.training_seed))


@pytest.mark.parametrize("task", ["timit", "jsb"])
@pytest.mark.parametrize("variant", ["V", "NIG", "FGR", "NIG+NP"])
def test_the_forget_bias_is_added_to_the_forget_gates_and_to_nothing_else(config, task, variant):
    study = with_laws(config | {"variants": [variant]}, forget_bias=BIAS)
    spec = study.trial(task, variant, 3)
    value = spec.hyperparameters["forget_bias"]
    drawn = {k: v for k, v in spec.hyperparameters.items() if k != "forget_bias"}
    hidden, before = spec.network.hidden, started(dataclasses.replace(spec, hyperparameters=drawn))
    first = get_cell(variant).blocks.index("f") * hidden
    for name, array in started(spec).items():
        expected = before[name].copy()
        if name in ("forward.b", "backward.b"):
            expected[first : first + hidden] += np.float32(value)
        np.testing.assert_array_equal(array, expected)
    assert value != 0


@pytest.mark.parametrize("variant", ["NFG", "CIFG", "CIFG+NP"])
def test_a_variant_without_a_forget_gate_of_its_own_trains_as_if_nobody_asked(config, variant):
    config |= {"variants": ["V", variant]}
    plain, asked = load_study(config), with_laws(config, forget_bias=BIAS)
    for task in ("timit", "jsb"):
        assert asked.lacking(task, variant) == ("forget_bias",)
        assert asked.lacking(task, "V") == plain.lacking(task, variant) == ()
        assert asked.searched(task, variant) == plain.searched(task, variant)
        assert asked.searched(task, "V")["forget_bias"] == Uniform(-2, 2)
        for k in range(20):
            assert asked.trial(task, variant, k) == plain.trial(task, variant, k)
            assert (
                asked.trial(task, variant, k).fingerprint
                == plain.trial(task, variant, k).fingerprint
            )


def test_more_factors_change_no_other_draw(config):
    plain = load_study(config)
    asked = with_laws(
        config,
        forget_bias=BIAS,
        weight_std={"law": "log-uniform", "low": 0.01, "high": 1},
        rescale={"law": "choice", "levels": [True, False]},
    )
    for k in range(20):
        before, after = (study.trial("timit", "NP", k) for study in (plain, asked))
        more = set(after.hyperparameters) - set(before.hyperparameters)
        assert more == {"forget_bias", "weight_std", "rescale"}
        assert before.hyperparameters.items() <= after.hyperparameters.items()
        assert after.fingerprint != before.fingerprint
        assert after.training_seed == before.training_seed


def test_the_initial_weights_have_the_standard_deviation_of_the_trial(config):
    law = {"law": "log-uniform", "low": 0.01, "high": 1}
    spec = with_laws(config, weight_std=law).trial("jsb", "V", 3)
    std = spec.hyperparameters["weight_std"]
    generator = np.random.default_rng(spec.training_seed)
    for array in started(spec).values():
        drawn = (std * generator.standard_normal(array.shape)).astype(np.float32)
        np.testing.assert_array_equal(array, drawn)


def test_the_protocols_own_standard_deviation_searched_at_it_gives_the_same_bits(config):
    law = {"law": "fixed", "value": config["protocol"]["weight_std"]}
    plain, asked = load_study(config), with_laws(config, weight_std=law)
    before, after = (started(study.trial("jsb", "NP", 2)) for study in (plain, asked))
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_without_rescaling_the_step_is_the_learning_rate(config):
    for value in (True, False):
        law = {"law": "fixed", "value": value}
        rule = with_laws(config, rescale=law).trial("timit", "V", 3).rule
        plain = load_study(config).trial("timit", "V", 3).rule
        rate = plain.learning_rate
        assert plain.step == rate * (1 - plain.momentum)
        assert rule.step == (plain.step if value else rate)
        assert plain.momentum > 0
        assert dataclasses.replace(rule, rescale=True) == plain


def test_a_study_says_it_of_all_its_tasks_at_once(config):
    assert load_study(config).without_factors() == []
    (words,) = with_laws(config, forget_bias=BIAS).without_factors()
    assert words.startswith("forget_bias is no factor of NFG, CIFG, which have nothing")


def test_what_is_no_factor_is_said_once_for_all_variants():
    assert sentences({"V": (), "NFG": ("bias", "std"), "CIFG": ("bias",)}) == [
        "bias is no factor of NFG, CIFG, which have nothing that it acts on: it is not drawn there",
        "std is no factor of NFG, which has nothing that it acts on: it is not drawn there",
    ]
    assert sentences({"V": ()}) == []


CHOICE = {"law": "choice", "levels": ["nesterov", "sgd", "adam", "rmsprop"]}
SHARE = {"law": "uniform", "low": 0.5, "high": 0.99}
EPSILON = {"law": "log-uniform", "low": 1.0e-10, "high": 1.0e-2}
ALL_RULES = {"optimizer": CHOICE, "beta1": SHARE, "beta2": SHARE, "rho": SHARE, "epsilon": EPSILON}
OWN = {
    "nesterov": {"momentum"},
    "sgd": set(),
    "adam": {"beta1", "beta2", "epsilon"},
    "rmsprop": {"rho", "epsilon"},
}


@pytest.mark.parametrize("task", ["timit", "jsb"])
def test_a_trial_draws_what_its_update_rule_has_and_nothing_else(config, task):
    plain, study = load_study(config), with_laws(config, **ALL_RULES)
    of_rules = set().union(*OWN.values())
    met = set()
    for k in range(40):
        spec, before = study.trial(task, "V", k), plain.trial(task, "V", k)
        drawn, rule = spec.hyperparameters, spec.rule
        met.add(rule.name)
        assert rule.name == drawn["optimizer"]
        assert drawn.keys() & of_rules == OWN[rule.name]
        assert "nesterov" not in drawn
        assert all(getattr(rule, name) == drawn[name] for name in OWN[rule.name])
        same = drawn.keys() & before.hyperparameters.keys()
        assert {n: drawn[n] for n in same} == {n: before.hyperparameters[n] for n in same}
        assert spec.training_seed == before.training_seed
    assert met == set(OWN)
    assert study.conditional(task) == ("momentum", "beta1", "beta2", "rho", "epsilon")
    assert study.lacking(task, "V") == (("nesterov",) if task == "timit" else ())


def test_a_fixed_rule_takes_the_fields_defaults_and_leaves_out_what_it_lacks(config):
    study = with_laws(config, optimizer={"law": "fixed", "value": "adam"})
    spec = study.trial("timit", "V", 3)
    assert "momentum" not in spec.hyperparameters
    assert spec.rule == UpdateRule(
        spec.hyperparameters["learning_rate"],
        clip=spec.hyperparameters["clip"],
        optimizer="adam",
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
    )
    assert study.lacking("timit", "V") == ("momentum", "nesterov")
    assert study.conditional("timit") == ()
    assert list(study.factors("timit")) == ["hidden", "learning_rate", "noise", "optimizer", "clip"]


def test_what_a_rule_lacks_is_said(config):
    rules = {"optimizer": {"law": "choice", "levels": ["adam", "sgd", "nesterov"]}}
    both = {"law": "choice", "levels": [True, False]}
    words = "under adam, sgd, which have nothing that it acts on: it is not drawn there"
    assert with_laws(config, **rules, rescale=both).without_factors() == [
        f"momentum is no factor {words}",
        f"rescale is no factor {words}",
        "nesterov is no factor beside optimizer, which says it: it is not drawn there",
    ]
    plain, asked = load_study(config), with_laws(config, rho=SHARE)
    (words,) = asked.without_factors()
    assert words.startswith("rho is no factor under nesterov, which has nothing")
    assert asked.trial("jsb", "V", 0) == plain.trial("jsb", "V", 0)


def test_dropout_is_drawn_and_noise_stays_what_it_was(config):
    law = {"law": "uniform", "low": 0, "high": 0.5}
    spec = with_laws(config, output_dropout=law).trial("jsb", "V", 3)
    before = load_study(config).trial("jsb", "V", 3)
    assert 0 < spec.dropout == spec.hyperparameters["output_dropout"] < 0.5
    assert (spec.noise, spec.noise_key, before.dropout) == (before.noise, before.noise_key, 0.0)
