"""The training loop: epochs of single-sequence updates, input noise, early stopping.

Source: Greff et al., section IV-B. It knows no task, no variant and no framework: a ``Model``
computes, a ``Split`` gives sequences, a figure of merit judges them. All that an epoch changes
is in the model's arrays and in ``TrainingState``, so a trial can be stopped and resumed anywhere.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.noise import Noise

FloatArray = NDArray[np.float32]
Pair = tuple[FloatArray, NDArray[Any]]


class Model(Protocol):
    """A network with its update rule: what the training loop sees of either implementation.

    Arrays go in and out under the names and shapes of ``NetworkSpec.parameter_shapes``.
    """

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""

    def get_state(self) -> dict[str, Any]:
        """Return copies of what the rule goes on from: each of ``UpdateRule.state``, by parameter.

        ``updates`` is the number of updates so far, for a rule that ``counts`` them.
        """

    def set_state(self, values: Mapping[str, Any]) -> None:
        """Replace that; values may hold more than the rule has."""

    @property
    def run_length(self) -> int:
        """How many sequences to give it at a time; between two runs a trial may be saved."""

    @property
    def evaluation_length(self) -> int:
        """The same for sequences that are only evaluated."""

    def train_run(self, split: "Split", indices: Sequence[int], noise: Noise) -> Iterable[float]:
        """Update on some sequences in order; return each one's loss before its update.

        ``noise`` is the first one's, the presentations of the others follow it. A loss that is not
        finite changes nothing; neither do those behind it, whatever they are.
        """

    def evaluate_run(
        self, split: "Split", indices: Sequence[int]
    ) -> Iterable[tuple[float, FloatArray]]:
        """Return loss and activations (T, K), before softmax or sigmoid, of some sequences.

        The loss may be NaN where the figure of merit does not need it. Activations hold until the
        next call.
        """


class Split(Protocol):
    """Sequences: inputs x (T, D) with targets y."""

    def __len__(self) -> int:
        """Return the number of sequences."""

    def __getitem__(self, index: int) -> Pair:
        """Return one sequence."""


class Data(Protocol):
    """The three sets of a task."""

    @property
    def train(self) -> Split:
        """What is learned from."""

    @property
    def valid(self) -> Split:
        """What decides when to stop."""

    @property
    def test(self) -> Split:
        """What is reported."""


class Merit(Protocol):
    """A figure of merit over many sequences, lower is better."""

    def add(self, loss: float, activations: FloatArray, y: NDArray[Any]) -> None:
        """Count one sequence."""

    def value(self) -> float:
        """Return the figure of all sequences so far."""


class Epoch(NamedTuple):
    """The figures of one finished epoch.

    ``train`` is the loss in nats per frame as training saw it: noisy inputs, moving weights.
    """

    train: float
    valid: float
    test: float
    seconds: float


class Figures(NamedTuple):
    """The figures of merit of the untrained net, epoch 0; infinite where one is not finite."""

    valid: float
    test: float


@dataclass
class TrainingState:
    """Where a trial stands, beside the model's arrays.

    ``best_epoch`` counts from 1; 0 is the untrained net, whose figures are ``untrained``.
    """

    generator: np.random.Generator
    untrained: Figures | None = None
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_parameters: dict[str, FloatArray] = field(default_factory=dict)
    diverged_epoch: int = 0
    # Of the epoch in flight: order of presentation, sequences and frames done, their loss, seconds.
    order: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    position: int = 0
    frames: int = 0
    loss: float = 0.0
    seconds: float = 0.0

    @property
    def best_valid(self) -> float:
        """The best validation figure so far; infinite while there is none."""
        if self.best_epoch:
            return self.epochs[self.best_epoch - 1].valid
        return self.untrained.valid if self.untrained else math.inf


@dataclass(frozen=True)
class TrainingRules:
    """When to stop, what noise to add (its std and key), what to drop, how results are judged."""

    epochs: int
    patience: int
    noise: float
    noise_key: int
    new_merit: Callable[[], Merit]
    dropout: float = 0.0


Checkpoint = Callable[[TrainingState, bool], None]


def initial_parameters(
    shapes: Mapping[str, tuple[int, ...]], std: float, generator: np.random.Generator
) -> dict[str, FloatArray]:
    """Draw all parameters from N(0, std²) in the order of ``shapes``.

    ASSUME: biases and peepholes too, as in the authors' code.
    """
    return {
        name: (std * generator.standard_normal(shape)).astype(np.float32)
        for name, shape in shapes.items()
    }


def train(
    model: Model, data: Data, rules: TrainingRules, state: TrainingState, checkpoint: Checkpoint
) -> None:
    """Train from wherever ``state`` and the model stand until the trial is over.

    ``checkpoint(state, epoch_ended)`` is called after every run, trained on or evaluated, and every
    epoch. It may save ``state`` and the model's arrays; to go on from what it saved gives the
    same bits. PAPER: the authors' code counts the untrained net as epoch 0, which can be the best.
    ASSUME: it is the figure of merit that must improve.
    """
    if state.untrained is None:
        judge_untrained(model, data, rules, state, partial(checkpoint, state, False))
    while not is_over(rules, state):
        if not state.position:
            state.order = state.generator.permutation(len(data.train))
        if not _finish_epoch(model, data, rules, state, checkpoint):
            state.diverged_epoch = len(state.epochs) + 1
        state.position, state.frames, state.loss, state.seconds = 0, 0, 0.0, 0.0
        checkpoint(state, True)


def judge_untrained(
    model: Model,
    data: Data,
    rules: TrainingRules,
    state: TrainingState,
    after_each: Callable[[], None] = lambda: None,
) -> None:
    """Evaluate a model that still has its initial parameters: epoch 0, the best so far."""
    valid = evaluate(model, data.valid, rules.new_merit(), after_each)
    test = evaluate(model, data.test, rules.new_merit(), after_each)
    finite = math.isfinite(valid) and math.isfinite(test)
    state.untrained = Figures(valid, test) if finite else Figures(math.inf, math.inf)
    state.best_parameters = model.get_parameters()


def judge_again(untrained: float, valid: Sequence[float], patience: int) -> tuple[int, int]:
    """Return after how many of some epochs training stops, and the best of them.

    ``untrained`` and ``valid`` are the validation figures of epoch 0 and of those from 1 on.
    """
    best, least = 0, untrained
    for epoch, figure in enumerate(valid, start=1):
        if epoch - 1 - best > patience:
            return epoch - 1, best
        if figure < least:
            best, least = epoch, figure
    return len(valid), best


def is_over(rules: TrainingRules, state: TrainingState) -> bool:
    """Return whether the trial diverged, used up its epochs or lost its patience."""
    return len(state.epochs) >= rules.epochs or is_final(rules, state)


def is_final(rules: TrainingRules, state: TrainingState) -> bool:
    """Return whether the trial diverged or lost its patience: more epochs would not be trained."""
    return bool(state.diverged_epoch or len(state.epochs) - state.best_epoch > rules.patience)


def _finish_epoch(
    model: Model, data: Data, rules: TrainingRules, state: TrainingState, checkpoint: Checkpoint
) -> bool:
    """Present the rest of the epoch's sequences and judge the result; False if it diverged."""
    before, began = state.seconds, time.perf_counter()
    while state.position < len(state.order):
        for frames, loss in _train_run(model, data.train, rules, state):
            if not math.isfinite(loss):
                return False
            state.loss += loss
            state.frames += frames
            state.position += 1
        state.seconds = before + time.perf_counter() - began
        checkpoint(state, False)
    go_on = partial(checkpoint, state, False)  # a trial that stops here is judged again
    valid = evaluate(model, data.valid, rules.new_merit(), go_on)
    test = evaluate(model, data.test, rules.new_merit(), go_on)
    if not (math.isfinite(valid) and math.isfinite(test)):
        return False
    seconds = before + time.perf_counter() - began
    improved = valid < state.best_valid
    state.epochs.append(Epoch(state.loss / state.frames, valid, test, seconds))
    if improved:
        state.best_epoch, state.best_parameters = len(state.epochs), model.get_parameters()
    return True


def _train_run(
    model: Model, split: Split, rules: TrainingRules, state: TrainingState
) -> Iterator[tuple[int, float]]:
    """Train on the next sequences; return frames and loss of each."""
    run = state.order[state.position : state.position + model.run_length].tolist()
    presentation = len(state.epochs) * len(state.order) + state.position
    noise = Noise(rules.noise, rules.noise_key, presentation, rules.dropout)
    losses = model.train_run(split, run, noise)
    return ((len(split[n][0]), loss) for n, loss in zip(run, losses, strict=True))


def evaluate(
    model: Model, split: Split, merit: Merit, after_each: Callable[[], None] = lambda: None
) -> float:
    """Return a figure of merit over all sequences, without noise; calls back after each run."""
    numbers = range(len(split))
    for start in numbers[:: model.evaluation_length]:
        run = numbers[start : start + model.evaluation_length]
        for n, (loss, activations) in zip(run, model.evaluate_run(split, run), strict=True):
            merit.add(loss, activations, split[n][1])
        after_each()
    return merit.value()
