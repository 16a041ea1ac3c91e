"""What a network can be trained with is drawn; everything else is refused, with its reason."""

import math

import pytest

from odyssey.networks.spec import MOST_HIDDEN
from odyssey.networks.variants import VARIANTS, get_variant
from odyssey.study.hyperparameters import HYPERPARAMETERS, Hyperparameter, Start, register
from odyssey.study.search import parse_law
from odyssey.study.study import load_study
from odyssey.tasks import TASKS
from tests.support.rows import rows_of_a_test

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hidden", (1, 20, MOST_HIDDEN)),
        ("learning_rate", (1e-6, 1, 0.5)),
        ("momentum", (0, 0.0, 0.99, 0.9999999)),
        ("noise", (0, 0.6, 3)),
        ("nesterov", (True, False)),
        ("clip", (True, False, 1e-20, 0.5, 1, 10.0)),
        ("weight_decay", (0, 1e-6, 2)),
        ("rescale", (True, False)),
        ("weight_std", (1e-20, 0.1, 100)),
        ("forget_bias", (-100, 0, 1, 2.5)),
        ("optimizer", ("nesterov", "momentum", "sgd", "adam", "rmsprop")),
        ("beta1", (0, 0.9, 0.9999999)),
        ("beta2", (0, 0.999, 0.9999999)),
        ("rho", (0, 0.9, 0.9999999)),
        ("epsilon", (1e-20, 1e-8, 1)),
        ("output_dropout", (0, 0.5, 0.99)),
    ],
)
def test_what_can_be_trained_is_allowed(name, values):
    for value in values:
        HYPERPARAMETERS[name].check(value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hidden", (-5, 0, MOST_HIDDEN + 1, 20.0, 20.7, True, "20", None, [20], NAN, INF, 10**400)),
        ("learning_rate", (0, -1e-3, 1e-50, INF, NAN, True, "1e-3", None, [1e-3], 10**400)),
        ("momentum", (1, 1 - 1e-9, -3, -1e-9, INF, NAN, False, "0.9", None)),
        ("noise", (-1, -1e-9, INF, NAN, True, "0", None)),
        ("nesterov", (0, 1, 0.5, "true", "false", None)),
        ("clip", (0, 0.0, -1, 1e21, "true", "false", None, NAN, INF)),
        ("weight_decay", (-1e-9, True, None, NAN, INF)),
        ("rescale", (0, 1, 0.5, "true", None)),
        ("weight_std", (0, -1, 101, True, NAN)),
        ("forget_bias", (-101, 101, True, None, NAN)),
        ("optimizer", ("Adam", "", 0, True, None, 3.0, ["adam"])),
        ("beta1", (1, -0.1, True, None, NAN, "0.9")),
        ("beta2", (1, -0.1, True, None, NAN, "0.9")),
        ("rho", (1, -0.1, True, None, NAN, "0.9")),
        ("epsilon", (0, -1, True, None, NAN, "1e-8")),
        ("output_dropout", (1, -0.1, 0.995, True, None, NAN)),
    ],
)
def test_what_can_t_be_trained_is_refused_with_what_must_hold_and_what_came(name, values):
    row = HYPERPARAMETERS[name]
    for value in values:
        with pytest.raises(ValueError, match=r"^must be ") as caught:
            row.check(value)
        assert str(caught.value) == f"must be {row.must}, got {value!r}"


@pytest.mark.parametrize(
    ("name", "law", "words"),
    [
        ("hidden", {"law": "uniform", "low": 0, "high": 3, "integer": True}, "got 0"),
        ("hidden", {"law": "uniform", "low": 20, "high": 9000, "integer": True}, "got 9000"),
        ("hidden", {"law": "log-uniform", "low": 20, "high": 200}, "needs integer: true"),
        (
            *("hidden", {"law": "one-minus-log-uniform", "low": 0.1, "high": 1}),
            "can't be one-minus-log-uniform",
        ),
        ("hidden", {"law": "choice", "levels": [20, 40.5]}, "got 40.5"),
        ("hidden", {"law": "fixed", "value": True}, "got True"),
        (
            *("noise", {"law": "uniform", "low": 0, "high": 3, "integer": True}),
            "must not be rounded",
        ),
        ("momentum", {"law": "uniform", "low": 0, "high": 1}, "got 1.0"),
        ("momentum", {"law": "one-minus-log-uniform", "low": 1e-9, "high": 1}, "got 0.99999999"),
        ("learning_rate", {"law": "uniform", "low": 0, "high": 0.1}, "got 0.0"),
        ("nesterov", {"law": "uniform", "low": 0, "high": 1}, "must be choice or fixed"),
        ("clip", {"law": "choice", "levels": [True, 0]}, "got 0"),
        ("clip", {"law": "uniform", "low": 0, "high": 1}, "got 0"),
        ("clip", {"law": "uniform", "low": 1, "high": 3, "integer": True}, "must not be rounded"),
        ("rescale", {"law": "choice", "levels": [True, 0.5]}, "got 0.5"),
    ],
)
def test_a_law_that_draws_such_a_value_is_refused(name, law, words):
    with pytest.raises(ValueError, match="must") as caught:
        HYPERPARAMETERS[name].check_law(parse_law(law))
    assert words in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_largest_layer_fits_an_array_of_mxnet(task, variant):
    def size(hidden):
        network = TASKS[task].network(get_variant(variant), hidden)
        return sum(math.prod(shape) for shape in network.parameter_shapes().values())

    assert size(MOST_HIDDEN) < 2**31
    assert variant != "FGR" or size(2 * MOST_HIDDEN) >= 2**31


def test_a_row_alone_makes_a_field_a_hyperparameter(config):
    plain = load_study(config).trial("jsb", "V", 0)
    with rows_of_a_test():
        must = "a number from 1e-6 to 100"
        row = Hyperparameter("spread", float, 1e-6, 100, must, (Start, "weight_std"))
        assert (register(row).label, row.required) == ("spread", False)
        assert load_study(config).trial("jsb", "V", 0).start == Start(0.1) == plain.start
        config["search_space"]["spread"] = {"law": "fixed", "value": 0.5}
        trial = load_study(config).trial("jsb", "V", 0)
        assert trial.start == Start(0.5)
        assert trial.fingerprint != plain.fingerprint
        drawn = {name: trial.hyperparameters[name] for name in plain.hyperparameters}
        assert drawn == plain.hyperparameters


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "test"}, "no other column of trials.csv"),
        ({"name": "Rate"}, "small letters, digits and _"),
        ({"kind": list}, "the kind must be int, float, bool or str"),
        ({"kind": str}, "rate needs words if it is of kind str, and only then"),
        ({"words": ("a",)}, "rate needs words if it is of kind str, and only then"),
        ({"version": 0}, "the version from 1"),
        ({"default": 101.0}, "must be a number to 100, got 101"),
        ({"fills": None}, "must either fill a field or act at the start"),
        ({"at_start": print}, "must either fill a field or act at the start"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(change, words):
    row = {"name": "rate", "kind": float, "least": 0, "most": 100, "must": "a number to 100"}
    with pytest.raises(ValueError, match=words):
        Hyperparameter(**row | {"fills": (Start, "weight_std")} | change)
