import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from odyssey.search import (
    Choice,
    LogUniform,
    OneMinusLogUniform,
    Uniform,
    parse_law,
    sample,
    to_unit_cube,
)

SPACE = {
    "hidden": LogUniform(20, 200, integer=True),
    "learning_rate": LogUniform(1e-6, 1e-2),
    "momentum": OneMinusLogUniform(0.01, 1),
    "noise": Uniform(0, 1),
    "nesterov": Choice((True, False)),
}


def draws(trials=2000, seed=1, task="jsb", variant="V", space=SPACE):
    return [sample(space, seed, task, variant, trial) for trial in range(trials)]


def test_draws_stay_what_they_were():
    assert sample(SPACE, 1503, "jsb", "V", 0) == {
        "hidden": 41,
        "learning_rate": 2.6533157547580493e-05,
        "momentum": 0.7293626374453948,
        "noise": 0.3220109129181946,
        "nesterov": False,
    }


def test_a_draw_depends_on_its_identity_alone():
    fewer = {name: SPACE[name] for name in ("noise", "hidden")}
    assert draws(5) == draws(9)[:5]
    for full, part in zip(draws(5), draws(5, space=fewer), strict=True):
        assert part == {name: full[name] for name in fewer}
    for other in ({"seed": 2}, {"task": "timit"}, {"variant": "NP"}):
        assert not any(a == b for a, b in zip(draws(50), draws(50, **other), strict=True))


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("learning_rate", stats.loguniform(1e-6, 1e-2).cdf),
        ("noise", stats.uniform(0, 1).cdf),
        ("momentum", lambda x: 1 - stats.loguniform(0.01, 1).cdf(1 - x)),
    ],
)
def test_draws_follow_their_law(name, law):
    values = [draw[name] for draw in draws()]
    assert stats.kstest(values, law).pvalue > 0.01


def test_rounded_draws_and_levels():
    hidden = [draw["hidden"] for draw in draws()]
    assert all(isinstance(value, int) for value in hidden)
    assert (min(hidden), max(hidden)) == (20, 200)
    assert abs(np.median(hidden) - math.sqrt(20 * 200)) < 3
    assert abs(np.mean([draw["nesterov"] for draw in draws()]) - 0.5) < 0.04


def test_draws_of_different_hyperparameters_are_independent():
    cube = np.array([list(to_unit_cube(SPACE, draw).values()) for draw in draws()])
    correlation = stats.spearmanr(cube).statistic
    assert np.abs(correlation - np.eye(len(SPACE))).max() < 0.07


@given(st.floats(0, 1))
@pytest.mark.parametrize(
    "law", [LogUniform(1e-6, 1e-2), OneMinusLogUniform(0.01, 1), Uniform(-2, 3)]
)
def test_cdf_inverts_quantile(law, u):
    assert law.cdf(law.quantile(u)) == pytest.approx(u, abs=1e-9)


@given(st.integers(20, 200))
def test_cdf_of_rounded_values_is_that_of_the_value(hidden):
    law = SPACE["hidden"]
    assert law.cdf(hidden) == pytest.approx(math.log(hidden / 20) / math.log(10))
    assert law.quantile(law.cdf(hidden)) == hidden


@pytest.mark.parametrize("levels", [(True, False), ("a", "b", "c"), (3,)])
def test_levels_round_trip(levels):
    law = Choice(levels)
    assert [law.quantile(law.cdf(level)) for level in levels] == list(levels)
    assert law.quantile(1.0) == levels[-1]


@pytest.mark.parametrize(("name", "value"), [("hidden", 19), ("noise", 1.1), ("momentum", 0.995)])
def test_values_outside_the_declared_range_are_refused(name, value):
    with pytest.raises(ValueError, match="outside the declared range"):
        SPACE[name].cdf(value)


@pytest.mark.parametrize(
    "entry",
    [
        {"law": "uniform", "low": 1, "high": 1},
        {"law": "log-uniform", "low": 0, "high": 1},
        {"law": "one-minus-log-uniform", "low": 0.5, "high": 2},
        {"law": "choice", "levels": []},
        {"law": "choice", "levels": [1, 1]},
    ],
)
def test_laws_that_make_no_sense_are_refused(entry):
    with pytest.raises(ValueError, match=r"needs|must"):
        parse_law(entry)


def test_a_fixed_value_is_always_drawn():
    law = parse_law({"law": "fixed", "value": 0.9})
    assert {law.quantile(u) for u in (0.0, 0.5, 1.0)} == {0.9}
