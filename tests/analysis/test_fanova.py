"""The decomposition against golden files, analytic functions, optuna, and its own identities."""

import json
import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from odyssey.analysis import FunctionalANOVA
from odyssey.analysis.fanova.boxes import Boxes, encode, leaves
from odyssey.analysis.fanova.forest import grow
from odyssey.analysis.fanova.marginals import marginal, pair_marginal
from odyssey.analysis.fanova.sweep import (
    mean_variances,
    reference_variance,
    set_variance,
    tree_variances,
)
from odyssey.study.search import Choice, LogUniform, OneMinusLogUniform, Uniform
from tests.support.analysis_fixtures import golden_file
from tests.support.quadratic_sums import quadratic

SPACE = {
    "hidden": LogUniform(20, 200, integer=True),
    "learning_rate": LogUniform(1e-6, 1e-2),
    "momentum": OneMinusLogUniform(0.01, 1),
    "noise": Uniform(0, 1),
}


def draws(space, n, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {name: [law.quantile(u) for u in random.random(n)] for name, law in space.items()}
    )


def unit(space, X):
    return {name: np.array([law.cdf(v) for v in X[name]]) for name, law in space.items()}


def random_forest(d, trees=3, n=25, seed=0):
    """Boxes of a forest on random figures: every cut is as good as any other."""
    random = np.random.default_rng(seed)
    X, y = random.random((n, d)), random.normal(size=n)
    grown = [DecisionTreeRegressor(random_state=k, max_features=1).fit(X, y) for k in range(trees)]
    return Boxes.stack(leaves(tree.tree_, [0] * d) for tree in grown), grown


# Golden files: the package fanova on its own trees.


@pytest.fixture(params=["fanova_d4_n200_t16", "fanova_d8_n60_t8"])
def oracle(request):
    return json.loads(golden_file(request.param))


def test_fractions_and_stds_equal_the_golden_ones(oracle):
    anova = FunctionalANOVA.from_boxes(oracle["trees"])
    np.testing.assert_allclose(anova.variance_, oracle["tree_variance"], rtol=1e-12)
    for j, golden in oracle["main"].items():
        found = anova.fraction(f"x{j}")
        assert found["fraction"] == pytest.approx(golden["individual importance"], abs=1e-12)
        assert found["std"] == pytest.approx(golden["individual std"], abs=1e-12)


def test_pairs_equal_the_golden_ones(oracle):
    anova = FunctionalANOVA.from_boxes(oracle["trees"])
    closed = tree_variances(anova.boxes_)
    for key, golden in oracle["pair"].items():
        i, j = map(int, key.split(","))
        found = anova.fraction(f"x{i}", f"x{j}")
        assert found["fraction"] == pytest.approx(golden["individual importance"], abs=1e-12)
        assert found["std"] == pytest.approx(golden["individual std"], abs=1e-12)
        total = closed.two[:, i, j] / closed.all
        assert total.mean() == pytest.approx(golden["total importance"], abs=1e-12)
        assert total.std() == pytest.approx(golden["total std"], abs=1e-12)


def test_curves_equal_the_golden_ones(oracle):
    anova = FunctionalANOVA.from_boxes(oracle["trees"])
    for j, golden in oracle["curve"].items():
        mean, std = anova.marginal(f"x{j}", golden["at"])
        np.testing.assert_allclose(mean, golden["mean"], atol=1e-12)
        np.testing.assert_allclose(std**2, golden["variance_ddof1"], atol=1e-12)


# The fast sums against the readable ones, and identities.


@settings(max_examples=15, deadline=None)
@given(d=st.integers(1, 4), n=st.integers(2, 20), seed=st.integers(0, 10**6))
def test_sums_equal_the_reference_on_every_set(d, n, seed):
    boxes, _ = random_forest(d, trees=2, n=n, seed=seed)
    closed, mean = tree_variances(boxes), mean_variances(boxes)
    first = slice(boxes.offsets[0], boxes.offsets[1])
    one = boxes.lower[first], boxes.upper[first], boxes.value[first]
    both = boxes.lower, boxes.upper, boxes.value / 2
    close = {"rel": 1e-9, "abs": 1e-12}
    assert closed.all[0] == pytest.approx(reference_variance(*one, range(d)), **close)
    assert mean.all[0] == pytest.approx(reference_variance(*both, range(d)), **close)
    for j in range(d):
        rest = [k for k in range(d) if k != j]
        assert closed.one[0, j] == pytest.approx(reference_variance(*one, [j]), **close)
        assert mean.one[0, j] == pytest.approx(reference_variance(*both, [j]), **close)
        assert mean.rest[0, j] == pytest.approx(reference_variance(*both, rest), **close)
    for i, j in combinations(range(d), 2):
        assert closed.two[0, i, j] == pytest.approx(reference_variance(*one, [i, j]), **close)
        assert set_variance(*both, [i, j]) == pytest.approx(
            reference_variance(*both, [i, j]), **close
        )


@pytest.mark.parametrize("setting", ["paper", "accurate"])
@pytest.mark.parametrize("levels", [(0, 0, 0, 0), (0, 5, 2, 3)])
def test_the_fast_sums_equal_the_quadratic_ones(setting, levels):
    """To 1e-12 of the variance: of each function, of their mean, on one thread and on two."""
    random = np.random.default_rng(3)
    u = random.random((150, 4))
    for j, k in enumerate(levels):
        u[:, j] = (np.floor(u[:, j] * k) + 0.5) / k if k else u[:, j]
    y = wave(u[:, 0], 2) + wave(u[:, 1], 1) * wave(u[:, 2], 1) + random.normal(size=150)
    columns, rows = encode(u, levels).astype(np.float32), np.arange(150)
    boxes = grow(columns, y, rows, levels, 6, setting, np.random.RandomState(0))
    closed, mean = tree_variances(boxes, rest=False), mean_variances(boxes, rest=False)
    spans = [*zip(boxes.offsets, boxes.offsets[1:], strict=False), (0, len(boxes.value))]
    for t, (a, b) in enumerate(spans):
        found, k = (closed, t) if t < boxes.trees else (mean, 0)
        value = boxes.value[a:b] / (1 if t < boxes.trees else boxes.trees)
        every, one, two = quadratic(boxes.lower[a:b], boxes.upper[a:b], value)
        assert found.all[k] == pytest.approx(every, rel=1e-12)
        np.testing.assert_allclose(found.one[k], one, rtol=0, atol=1e-12 * every)
        np.testing.assert_allclose(found.two[k], two, rtol=0, atol=1e-12 * every)
    threads = mean_variances(boxes, rest=False, workers=2)
    np.testing.assert_allclose(threads.two, mean.two, rtol=1e-12)
    assert threads.all[0] == pytest.approx(mean.all[0], rel=1e-12)


def test_threads_grow_the_same_trees():
    X, y = draws(SPACE, 60), np.random.default_rng(0).normal(size=60)
    one, two = (
        FunctionalANOVA(SPACE, trees=10, random_state=4, workers=workers).fit(X, y).boxes_
        for workers in (1, 2)
    )
    for field in ("lower", "upper", "value", "offsets"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


def test_boxes_that_no_plane_divides_are_decomposed_too():
    """A pinwheel of five boxes is cut by no plane; the sums are those of the filled grid."""
    third = 1 / 3
    corners = [(0, 0, 2, 1), (2, 0, 3, 2), (1, 2, 3, 3), (0, 1, 1, 3), (1, 1, 2, 2)]
    lower = np.array([[a, b] for a, b, _, _ in corners]) * third
    upper = np.minimum(np.array([[c, d] for _, _, c, d in corners]) * third, 1)
    value = np.array([1.0, 4.0, 2.0, 7.0, 0.0])
    anova = FunctionalANOVA.from_boxes([{"lower": lower, "upper": upper, "value": value}])
    whole = reference_variance(lower, upper, value, [0, 1])
    assert anova.variance_[0] == pytest.approx(whole, rel=1e-12)
    main = reference_variance(lower, upper, value, [0])
    assert anova.fraction("x0")["fraction"] == pytest.approx(main / whole, rel=1e-12)


def test_effects_of_two_factors_add_up_and_totals_hold_all_effects_of_a_factor():
    boxes, _ = random_forest(2)
    closed = tree_variances(boxes)
    np.testing.assert_allclose(closed.two[:, 0, 1], closed.all, rtol=1e-12)
    np.testing.assert_allclose(closed.rest, closed.one[:, ::-1], rtol=1e-9)


def test_marginals_are_what_the_trees_predict_on_average():
    boxes, grown = random_forest(3, n=40)
    random = np.random.default_rng(1)
    at = np.sort(random.random(7))
    others = random.random((20000, 3))
    curves = marginal(boxes, 1, at)
    for k, x in enumerate(at):
        others[:, 1] = x
        for t, tree in enumerate(grown):
            assert curves[t, k] == pytest.approx(tree.predict(others).mean(), abs=0.05)
    grid = pair_marginal(boxes, 0, 2, at, at)
    middle = (np.arange(4000) + 0.5) / 4000
    values = np.mean(
        [tree.predict(np.column_stack([[at[2]] * 4000, middle, [at[4]] * 4000])) for tree in grown]
    )
    assert grid[2, 4] == pytest.approx(values, abs=1e-3)


def test_an_interaction_map_has_no_main_effects():
    boxes, _ = random_forest(2, n=30)
    anova = FunctionalANOVA.from_boxes(
        [
            {"lower": boxes.lower[a:b], "upper": boxes.upper[a:b], "value": boxes.value[a:b]}
            for a, b in zip(boxes.offsets, boxes.offsets[1:], strict=False)
        ],
        ["a", "b"],
    )
    fine = (np.arange(2000) + 0.5) / 2000
    alone = anova.pair_marginal(("a", "b"), fine, fine, interaction=True)
    assert np.abs(alone.mean(axis=0)).max() < 5e-3
    assert np.abs(alone.mean(axis=1)).max() < 5e-3


# Levels.


def test_leaves_with_sets_of_levels_are_exact():
    """Against every level's own marginal: a factor with levels has the variance over its levels."""
    random = np.random.default_rng(0)
    levels = [0, 5]
    u = np.column_stack([random.random(200), (random.integers(0, 5, 200) + 0.5) / 5])
    y = random.normal(size=200)
    tree = DecisionTreeRegressor(random_state=0).fit(encode(u, levels), y)
    boxes = Boxes.stack([leaves(tree.tree_, levels)])
    middles = (np.arange(5) + 0.5) / 5
    fine = (np.arange(20000) + 0.5) / 20000
    table = np.array(
        [
            tree.predict(encode(np.column_stack([fine, np.full(20000, m)]), levels)).mean()
            for m in middles
        ]
    )
    np.testing.assert_allclose(marginal(boxes, 1, middles)[0], table, atol=2e-3)
    closed = tree_variances(boxes)
    assert closed.one[0, 1] == pytest.approx(np.var(marginal(boxes, 1, middles)[0]), rel=1e-9)
    assert closed.all[0] == pytest.approx(
        reference_variance(boxes.lower, boxes.upper, boxes.value, [0, 1]), rel=1e-9
    )


def test_a_factor_that_decides_all_explains_all_and_a_fixed_one_nothing():
    space = {**SPACE, "variant": Choice(tuple("abcdef")), "fixed": Choice((0.5,))}
    X = draws(space, 300)
    y = X.variant.map({"a": 0, "b": 3, "c": 1, "d": 5, "e": 0, "f": 2}).to_numpy(float)
    anova = FunctionalANOVA(space, trees=10, random_state=0).fit(X, y)
    assert anova.fraction("variant")["fraction"] == pytest.approx(1)
    assert anova.fraction("fixed")["fraction"] == pytest.approx(0, abs=1e-12)
    mean, _ = anova.marginal("variant", (np.arange(6) + 0.5) / 6)
    np.testing.assert_allclose(mean, [0, 3, 1, 5, 0, 2], atol=0.3)


# Analytic truth.


def wave(u, k):
    """Orthonormal functions on [0, 1]."""
    return math.sqrt(2) * np.cos(math.pi * k * u)


def test_shares_of_a_known_function_with_an_interaction():
    X = draws(SPACE, 1000)
    u = unit(SPACE, X)
    y = math.sqrt(0.6) * wave(u["learning_rate"], 1) + math.sqrt(0.2) * wave(u["hidden"], 1)
    y += math.sqrt(0.2) * wave(u["learning_rate"], 1) * wave(u["noise"], 1)
    anova = FunctionalANOVA(SPACE, trees=30, random_state=1).fit(X, y)
    truths = {("learning_rate",): 0.6, ("hidden",): 0.2, ("learning_rate", "noise"): 0.2}
    for factors, truth in truths.items():
        found = anova.fraction(*factors)
        assert found["mean_forest"] == pytest.approx(truth, abs=0.06), factors
    assert anova.fraction("momentum")["fraction"] < 0.01
    total = anova.fraction("learning_rate", kind="total")
    assert total["mean_forest"] == pytest.approx(0.8, abs=0.06)


def test_coordinates_are_those_of_the_laws():
    """A figure linear in log(learning rate) and in log(1 − momentum), half each."""
    X = draws(SPACE, 500)
    y = np.log10(X.learning_rate) / 4 + np.log10(1 - X.momentum) / 2
    anova = FunctionalANOVA(SPACE, trees=30, random_state=0).fit(X, y)
    assert anova.fraction("learning_rate")["mean_forest"] == pytest.approx(0.5, abs=0.05)
    assert anova.fraction("momentum")["mean_forest"] == pytest.approx(0.5, abs=0.05)


def test_columns_are_found_by_name():
    X = draws(SPACE, 60)
    y = np.random.default_rng(0).normal(size=60)
    straight = FunctionalANOVA(SPACE, trees=5, random_state=3).fit(X, y).effects_
    turned = FunctionalANOVA(SPACE, trees=5, random_state=3).fit(X[X.columns[::-1]], y).effects_
    pd.testing.assert_frame_equal(straight, turned)


def test_main_effects_of_optuna_on_the_same_trees_are_the_same():
    pytest.importorskip("optuna", reason="optuna is a development package, not installed here")
    from optuna.importance._fanova._tree import _FanovaTree

    random = np.random.default_rng(5)
    X = random.random((80, 3))
    y = X[:, 0] ** 2 + X[:, 0] * X[:, 1] + 0.1 * random.normal(size=80)
    forest = RandomForestRegressor(8, random_state=0).fit(X, y)
    boxes = Boxes.stack(leaves(tree.tree_, [0] * 3) for tree in forest.estimators_)
    closed = tree_variances(boxes)
    for t, tree in enumerate(forest.estimators_):
        theirs = _FanovaTree(tree.tree_, np.array([[0.0, 1.0]] * 3))
        assert closed.all[t] == pytest.approx(theirs.variance, rel=1e-12)
        for j in range(3):
            assert closed.one[t, j] == pytest.approx(
                theirs.get_marginal_variance(np.array([j])), rel=1e-12
            )
        assert closed.two[t, 0, 1] == pytest.approx(
            theirs.get_marginal_variance(np.array([0, 1])), rel=1e-12
        )


# The estimator.


def test_same_seed_same_answer_and_the_estimator_can_be_cloned():
    X, y = draws(SPACE, 50), np.random.default_rng(0).normal(size=50)
    anova = FunctionalANOVA(SPACE, trees=8, random_state=7)
    again = clone(anova)
    assert again.get_params()["trees"] == 8
    pd.testing.assert_frame_equal(anova.fit(X, y).effects_, again.fit(X, y).effects_)


def test_the_papers_setting_is_scikit_learns_forest_over_the_datas_range():
    """Against RandomForestRegressor, its leaves decomposed on coordinates scaled by the data."""
    X = draws(SPACE, 150)
    u = np.column_stack(list(unit(SPACE, X).values()))
    u[:, 3] = 0.2 + 0.5 * u[:, 3]  # noise was drawn from a part of its range
    X["noise"] = u[:, 3]
    y = wave(u[:, 1], 1) + 0.3 * wave(u[:, 0], 1) + 0.5 * u[:, 3]
    low, high = u.min(axis=0), u.max(axis=0)
    forest = RandomForestRegressor(100, random_state=0).fit((u - low) / (high - low), y)
    trees = [leaves(tree.tree_, [0] * 4) for tree in forest.estimators_]
    theirs = FunctionalANOVA.from_boxes(trees, list(SPACE))
    ours = FunctionalANOVA(SPACE, setting="paper", totals=False, random_state=1).fit(X, y)
    for name in SPACE:
        expected = theirs.fraction(name)["fraction"]
        assert ours.fraction(name)["fraction"] == pytest.approx(expected, abs=0.01)
    at = np.linspace(0, 1, 9)  # beyond the data the curve goes on as at its edge
    scaled = np.clip((at - low[3]) / (high[3] - low[3]), 0, 1)
    expected = theirs.marginal("noise", scaled)[0]
    np.testing.assert_allclose(ours.marginal("noise", at)[0], expected, atol=0.02)


def test_the_accurate_setting_does_not_halve_weak_effects():
    """Mean error of the main effects at 200 trials with 5 percent of noise, over three studies."""
    truth = {"learning_rate": 0.8, "hidden": 0.12, "noise": 0.06, "momentum": 0.02}
    errors = {"paper": [], "package": [], "accurate": []}
    for seed in range(3):
        X = draws(SPACE, 200, seed)
        u = unit(SPACE, X)
        y = sum(
            math.sqrt(share) * wave(u[name], 1 + (name == "noise")) for name, share in truth.items()
        )
        y += 0.05 * np.random.default_rng(seed).normal(size=200)
        for setting, found in errors.items():
            anova = FunctionalANOVA(SPACE, setting=setting, totals=False, random_state=seed).fit(
                X, y
            )
            reading = "mean_forest" if setting == "accurate" else "fraction"
            found += [abs(anova.fraction(name)[reading] - share) for name, share in truth.items()]
    assert np.mean(errors["accurate"]) <= 0.015
    assert np.mean(errors["paper"]) > 0.015
    assert np.mean(errors["package"]) > 0.025


def test_a_pair_of_trees_is_the_sum_of_both():
    """A forest of one pair: its boxes are what both trees predict together."""
    X = draws(SPACE, 60)
    y = np.random.default_rng(0).normal(size=60)
    anova = FunctionalANOVA(SPACE, trees=2, random_state=0).fit(X, y)
    boxes = anova.boxes_
    assert (boxes.trees, boxes.layers) == (1, 2)
    everything = boxes.lower, boxes.upper, boxes.value, range(4)
    assert anova.variance_[0] == pytest.approx(reference_variance(*everything), rel=1e-9)
    assert anova.mean_variance_ == pytest.approx(anova.variance_[0], rel=1e-9)
    assert anova.fraction("noise")["std"] == 0


def test_bootstrap_intervals_hold_the_truth_and_shrink_with_more_trials():
    widths = []
    for n in (40, 320):
        X = draws(SPACE, n)
        u = unit(SPACE, X)
        y = wave(u["learning_rate"], 1) + 0.5 * wave(u["hidden"], 1)
        anova = FunctionalANOVA(SPACE, trees=20, totals=False, random_state=0).fit(X, y)
        effects = anova.bootstrap(20).effects_
        known = effects[effects.kind != "total"]
        assert (known.low <= known.high).all()
        rate = anova.fraction("learning_rate")
        assert rate["low"] < 0.8 < rate["high"]
        widths.append(rate["high"] - rate["low"])
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X.drop(columns="noise"), y), "noise.*missing"),
        (lambda X, y: (X.assign(noise=1.5), y), "hyperparameter noise: 1.5 lies outside"),
        (lambda X, y: (X.assign(hidden=19), y), "hyperparameter hidden: 19 lies outside"),
        (lambda X, y: (X[:5], y[:5]), "at least 10 trials"),
        (lambda X, y: (X, y[:-1]), "one figure per trial: 20 trials"),
        (lambda X, y: (X, y * 0 + 3), "must vary, all 20 are 3"),
        (lambda X, y: (X, np.where(y > 0, np.nan, y)), "must be finite"),
        (lambda X, y: (X, np.where(y > 0, np.inf, y)), "must be finite"),
    ],
)
def test_what_cannot_be_decomposed_is_refused_in_one_line(change, message):
    X, y = change(draws(SPACE, 20), np.random.default_rng(0).normal(size=20))
    with pytest.raises(ValueError, match=message) as error:
        FunctionalANOVA(SPACE, trees=3).fit(X, y)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"lower": [[0.0]], "upper": [[0.5]], "value": [1.0]}, "must fill the unit cube"),
        ({"lower": [[0.0]], "upper": [[20.0]], "value": [1.0]}, "scale the factors"),
        ({"lower": [[0.0]], "upper": [[1.0]], "value": [1.0]}, "same value"),
    ],
)
def test_boxes_that_are_no_trees_are_refused(tree, message):
    with pytest.raises(ValueError, match=message):
        FunctionalANOVA.from_boxes([tree])
