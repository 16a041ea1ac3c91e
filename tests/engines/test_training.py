"""The loop's own logic, on a model whose figures the test dictates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.engines.training import (
    TrainingRules,
    TrainingState,
    initial_parameters,
    judge_again,
    train,
)


class Sequences(list):
    """A split."""


class ScriptedData:
    train = Sequences((np.full((2, 1), k, np.float32), np.zeros(2)) for k in range(4))
    valid = Sequences([(np.zeros((1, 1), np.float32), np.zeros(1))])
    test = Sequences([(np.ones((1, 1), np.float32), np.zeros(1))])


class ScriptedModel:
    """Its validation figure of epoch k is script[k - 1]; its test figure ten times that."""

    def __init__(self, script, untrained):
        self.script, self.untrained, self.steps, self.seen = script, untrained, 0, []

    def get_parameters(self):
        return {"steps": np.array([self.steps])}

    run_length = evaluation_length = 3

    def train_run(self, split, indices, noise):
        for k, n in enumerate(indices):
            self.steps += 1
            self.seen.append(noise.later(k).added_to(split[n][0]))
            yield self.script[(self.steps - 1) // 4] if self.script else 1.0

    def evaluate_run(self, split, indices):
        figure = self.script[self.steps // 4 - 1] if self.steps else self.untrained
        for n in indices:
            x = split[n][0]
            yield (10 * figure if x[0, 0] else figure), x


class Mean:
    def __init__(self):
        self.values = []

    def add(self, loss, activations, y):
        self.values.append(loss)

    def value(self):
        return float(np.mean(self.values))


def run(script, epochs=50, patience=3, noise=0.0, untrained=9.0):
    model, state = ScriptedModel(script, untrained), TrainingState(np.random.default_rng(0))
    calls = []
    rules = TrainingRules(epochs, patience, noise, 1, Mean)
    train(model, ScriptedData, rules, state, lambda s, ended: calls.append(ended))
    return model, state, calls


def test_it_stops_once_patience_is_exceeded_and_keeps_the_best():
    _, state, _ = run([5.0, 4.0, 3.0, 3.5, 3.0, 3.1, 3.2, 1.0])
    assert len(state.epochs) == 7  # the best was epoch 3; 4 to 7 are more than 3 without better
    assert state.best_epoch == 3
    assert state.best_parameters["steps"] == [12]
    assert [epoch.test for epoch in state.epochs][:3] == [50.0, 40.0, 30.0]


def test_it_stops_after_the_last_epoch():
    _, state, _ = run([8.5, 8.0, 7.0, 6.0], epochs=3)
    assert len(state.epochs) == state.best_epoch == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_divergence_is_recorded_and_ends_the_trial(bad):
    model, state, _ = run([5.0, 4.0, bad, 1.0])
    assert state.diverged_epoch == 3
    assert len(state.epochs) == state.best_epoch == 2
    assert model.steps == 9
    assert state.best_parameters["steps"] == [8]


def test_the_untrained_net_is_epoch_0_and_can_be_the_best():
    _, state, _ = run([5.0, 4.0, 4.5, 4.6, 1.0], untrained=3.0)
    assert state.untrained == (3.0, 30.0)
    assert len(state.epochs) == 4  # none is better than epoch 0, and 4 are more than 3
    assert state.best_epoch == 0
    assert state.best_parameters["steps"] == [0]


def test_a_net_that_diverges_at_once_keeps_the_untrained_figures():
    _, state, _ = run([np.nan, 1.0])
    assert (state.diverged_epoch, state.best_epoch, len(state.epochs)) == (1, 0, 0)
    assert state.untrained == (9.0, 90.0)
    assert state.best_parameters["steps"] == [0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_any_epoch_is_better_than_an_untrained_net_without_figures(bad):
    _, state, _ = run([5.0, 6.0], epochs=2, untrained=bad)
    assert state.untrained == (np.inf, np.inf)
    assert state.best_epoch == 1


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12), st.integers(0, 12), st.integers(0, 4))
def test_judging_an_old_curve_again_is_training_with_epoch_0(script, untrained, patience):
    _, old, _ = run([*map(float, script), np.nan], 12, patience, untrained=np.inf)
    _, new, _ = run([*map(float, script), np.nan], 12, patience, untrained=float(untrained))
    epochs, best = judge_again(untrained, [epoch.valid for epoch in old.epochs], patience)
    assert (epochs, best) == (len(new.epochs), new.best_epoch)
    assert best in (0, old.best_epoch)


def test_every_epoch_has_an_order_of_its_own():
    model, _, calls = run([3.0, 2.0], epochs=2)
    orders = np.array([x[0, 0] for x in model.seen]).reshape(2, 4)
    assert (np.sort(orders) == range(4)).all()
    assert (orders[0] != orders[1]).any()
    # Two sets are evaluated, before and in each epoch; four sequences are trained on in two runs.
    assert calls == [False] * 2 + ([False] * (2 + 2) + [True]) * 2


def test_noise_is_fresh_gaussian_and_for_training_only():
    data = ScriptedData()
    data.train = Sequences([(np.zeros((5000, 2), np.float32), np.zeros(5000))])

    def presentations(key):
        model, state = ScriptedModel([1.0] * 9, 2.0), TrainingState(np.random.default_rng(0))
        train(model, data, TrainingRules(2, 5, 0.3, key, Mean), state, lambda s, ended: None)
        return model.seen

    first, second = presentations(key=1)
    assert first.dtype == np.float32
    for other in (second, *presentations(key=2)):
        assert (first != other).mean() > 0.999
    assert first.mean() == pytest.approx(0, abs=0.01)
    assert first.std() == pytest.approx(0.3, rel=0.02)
    assert not data.train[0][0].any()


def test_initial_parameters_are_normal_in_the_given_order():
    shapes = {"W": (300, 40), "b": (300,)}
    drawn = initial_parameters(shapes, 0.1, np.random.default_rng(4))
    assert {name: value.shape for name, value in drawn.items()} == shapes
    assert all(value.dtype == np.float32 for value in drawn.values())
    assert drawn["W"].std() == pytest.approx(0.1, rel=0.02)
    first = initial_parameters({"W": (300, 40)}, 0.1, np.random.default_rng(4))
    assert (first["W"] == drawn["W"]).all()
