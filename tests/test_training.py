"""The loop's own logic, on a model whose figures the test dictates."""

import numpy as np
import pytest

from odyssey.training import TrainingRules, TrainingState, initial_parameters, train


class Sequences(list):
    """A split."""


class ScriptedData:
    train = Sequences((np.full((2, 1), k, np.float32), np.zeros(2)) for k in range(4))
    valid = Sequences([(np.zeros((1, 1), np.float32), np.zeros(1))])
    test = Sequences([(np.ones((1, 1), np.float32), np.zeros(1))])


class ScriptedModel:
    """Its validation figure of epoch k is script[k]; its test figure ten times that."""

    def __init__(self, script):
        self.script, self.steps, self.seen = script, 0, []

    def get_parameters(self):
        return {"steps": np.array([self.steps])}

    run_length = 3

    def train_run(self, split, indices, noise):
        for k, n in enumerate(indices):
            self.steps += 1
            self.seen.append(noise.later(k).added_to(split[n][0]))
            yield self.script[(self.steps - 1) // 4] if self.script else 1.0

    def evaluate_run(self, split, indices):
        figure = self.script[self.steps // 4 - 1]
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


def run(script, epochs=50, patience=3, noise=0.0):
    model, state = ScriptedModel(script), TrainingState(np.random.default_rng(0))
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
    _, state, _ = run([9.0, 8.0, 7.0, 6.0], epochs=3)
    assert len(state.epochs) == state.best_epoch == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_divergence_is_recorded_and_ends_the_trial(bad):
    model, state, _ = run([5.0, 4.0, bad, 1.0])
    assert state.diverged_epoch == 3
    assert len(state.epochs) == state.best_epoch == 2
    assert model.steps == 9


def test_every_epoch_has_an_order_of_its_own():
    model, _, calls = run([3.0, 2.0], epochs=2)
    orders = np.array([x[0, 0] for x in model.seen]).reshape(2, 4)
    assert (np.sort(orders) == range(4)).all()
    assert (orders[0] != orders[1]).any()
    assert calls == ([False] * (2 + 2) + [True]) * 2  # four are trained on in two runs; two sets


def test_noise_is_fresh_gaussian_and_for_training_only():
    data = ScriptedData()
    data.train = Sequences([(np.zeros((5000, 2), np.float32), np.zeros(5000))])

    def presentations(key):
        model, state = ScriptedModel([1.0] * 9), TrainingState(np.random.default_rng(0))
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
