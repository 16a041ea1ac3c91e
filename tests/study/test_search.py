import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from odyssey.study.search import (
    Choice,
    LogUniform,
    OneMinusLogUniform,
    Uniform,
    parse_law,
    sample,
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
    cube = np.array([[law.cdf(draw[name]) for name, law in SPACE.items()] for draw in draws()])
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
        {"law": "choice", "levels": [True, 1]},
        {"law": "choice", "levels": ["1e-3", "1e-2"]},
        {"law": "choice", "levels": [None, 1]},
        {"law": "choice", "levels": [[1], [2]]},
        {"law": "fixed", "value": "0.5"},
        {"law": "fixed", "value": math.nan},
        {"law": "fixed", "value": 10**400},
        {"law": "uniform", "low": math.nan, "high": 1},
        {"law": "uniform", "low": 0, "high": math.inf},
        {"law": "uniform", "low": "0", "high": "1"},
        {"law": "uniform", "low": False, "high": True},
        {"law": "uniform", "low": -1.7e308, "high": 1.7e308},
        {"law": "log-uniform", "low": 1e-300, "high": 1e300},
        {"law": "uniform", "low": 2.5, "high": 4.5, "integer": True},
        {"law": "log-uniform", "low": 2, "high": 4.5, "integer": True},
        {"law": "one-minus-log-uniform", "low": 0.5, "high": 1, "integer": True},
    ],
)
def test_laws_that_make_no_sense_are_refused(entry):
    with pytest.raises(ValueError, match=r"needs|must"):
        parse_law(entry)


@given(st.integers(-50, 50), st.integers(1, 60), st.floats(0, 1))
def test_whole_numbers_are_drawn_from_their_range_and_have_a_place_in_it(low, width, u):
    law = parse_law({"law": "uniform", "low": low, "high": low + width, "integer": True})
    drawn = law.quantile(u)
    assert isinstance(drawn, int)
    assert low <= drawn <= low + width
    assert abs(law.cdf(drawn) - u) <= 0.5 / width + 1e-9


@pytest.mark.parametrize(
    ("law", "extremes"),
    [
        (LogUniform(20, 200, integer=True), {20, 200}),
        (Uniform(-2, 3), {-2.0, 3.0}),
        (OneMinusLogUniform(0.01, 1), {0.99, 0}),
        (Choice((True, False)), {True, False}),
    ],
)
def test_the_extremes_of_a_law_hold_all_its_draws(law, extremes):
    assert set(law.extremes) == extremes
    drawn = [law.quantile(u) for u in np.linspace(0, 1, 101)]
    assert min(extremes) <= min(drawn) <= max(drawn) <= max(extremes)


def test_a_fixed_value_is_always_drawn():
    law = parse_law({"law": "fixed", "value": 0.9})
    assert {law.quantile(u) for u in (0.0, 0.5, 1.0)} == {0.9}
