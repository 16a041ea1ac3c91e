"""What the paper leaves open on JSB, tried: python -m benchmarks.assumptions STUDY.yaml [SEEDS].

Starts from the best vanilla trial of a study by validation, changes one thing at a time, and trains
with fresh seeds: the loss as a mean over frames, biases that start at zero, normalised rolls. Then
takes the best trials' weights and averages the test NLL by frame and by sequence.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.engines.fused.model import FusedModel, memory_of
from odyssey.engines.training import TrainingRules, TrainingState, initial_parameters, train
from odyssey.networks.spec import UpdateRule
from odyssey.runs.results import TrialResult
from odyssey.storage.datasets import Dataset, load_dataset
from odyssey.storage.tree_file import load_tree
from odyssey.study.study import Study, TrialSpec, read_study
from odyssey.tasks import TASKS
from odyssey.tasks.merit import FigureOfMerit

Parameters = dict[str, Any]
TASK = "jsb"


class MeanLoss(FusedModel):
    """The loss is the mean over a sequence's frames, so each gradient is one T-th of the sum's."""

    def __init__(self, spec: Any, rule: UpdateRule) -> None:
        super().__init__(spec, rule)
        self._update, self.run_length, self.evaluation_length = rule, 1, 1

    def train_run(self, split: Any, indices: Any, noise: Any) -> list[float]:
        memory_of(self._rule)[0] = self._update.step / len(split[indices[0]][0])
        return super().train_run(split, indices, noise)


def finished(study: Study) -> Iterator[tuple[TrialSpec, dict[str, Any], TrialResult]]:
    """Yield all finished trials that did not diverge: spec, file, result."""
    for variant in study.variants:
        for k in range(study.trials(TASK)):
            path = study.trial_path(TASK, variant, k)
            tree = load_tree(path) if path.exists() else {"status": "missing"}
            if tree["status"] == "finished":
                yield study.trial(TASK, variant, k), tree, TrialResult.from_tree(tree)


def best(trials: list[Any]) -> Any:
    """Return the trial with the best validation figure."""
    return min(trials, key=lambda entry: min(entry[2].curves["valid"]))


def run(
    spec: TrialSpec,
    data: Dataset,
    seed: int,
    model: type[FusedModel] = FusedModel,
    start: Callable[[Parameters], Parameters] = lambda parameters: parameters,
) -> tuple[float, int]:
    """Train once; return the test figure at the best validation epoch, and that epoch."""
    generator = np.random.default_rng(seed)
    trained = model(spec.network, spec.rule)
    shapes = spec.network.parameter_shapes()
    trained.set_parameters(start(initial_parameters(shapes, spec.protocol.weight_std, generator)))
    rules = TrainingRules(
        spec.protocol.epochs,
        spec.protocol.patience,
        spec.noise,
        seed,
        lambda: FigureOfMerit(TASKS[TASK]),
    )
    state = TrainingState(generator)
    train(trained, data, rules, state, lambda state, ended: None)
    return state.epochs[state.best_epoch - 1].test if state.best_epoch else np.inf, state.best_epoch


def zero_biases(parameters: Parameters) -> Parameters:
    """Set biases and peepholes to zero."""
    return {n: 0 * p if n.endswith((".b", ".p")) else p for n, p in parameters.items()}


def normalised(data: Dataset) -> Dataset:
    """Scale every pitch to mean 0 and variance 1 on the training set; silent ones stay 0."""
    x = data.splits["train"].inputs.astype(np.float32)
    mean, std = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1).astype(np.float32)
    return replace(data, splits={n: s.scaled(mean, std) for n, s in data.splits.items()})


def controlled(spec: TrialSpec, data: Dataset, seeds: range) -> None:
    """Print the runs that change one thing."""
    faster = replace(spec, hyperparameters={**spec.hyperparameters, "learning_rate": 0.01})
    cases: dict[str, tuple[TrialSpec, Dataset, dict[str, Any]]] = {
        "as the study": (spec, data, {}),
        "mean over frames": (spec, data, {"model": MeanLoss}),
        "mean over frames, learning rate 0.01": (faster, data, {"model": MeanLoss}),
        "biases and peepholes start at 0": (spec, data, {"start": zero_biases}),
        "normalised rolls": (spec, normalised(data), {}),
    }
    for name, (case, its_data, options) in cases.items():
        runs = [run(case, its_data, seed, **options) for seed in seeds]
        print(
            f"| {name} | {' '.join(f'{nll:.3f}' for nll, _ in runs)} "
            f"| {' '.join(str(epoch) for _, epoch in runs)} |",
            flush=True,
        )


def averages(spec: TrialSpec, tree: dict[str, Any], data: Dataset) -> tuple[float, float]:
    """Return the test NLL of a trial's best weights, averaged by frame and by sequence."""
    model = FusedModel(spec.network, spec.rule)
    model.set_parameters(tree["best"])
    losses = [(model.evaluate(x, y)[0], len(y)) for x, y in data.test]
    by_frame = sum(loss for loss, _ in losses) / sum(frames for _, frames in losses)
    return by_frame, float(np.mean([loss / frames for loss, frames in losses]))


def main() -> None:
    study = read_study([Path(sys.argv[1])])
    seeds = range(int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    data, trials = load_dataset(study.data_path(TASK)), list(finished(study))
    spec = best([entry for entry in trials if entry[0].variant == "V"])[0]
    print(f"{spec}: {dict(spec.hyperparameters)}")
    print("| changed | test NLL | best epoch |\n|---|---|---|")
    controlled(spec, data, seeds)
    print("\n| best of | by frame | by sequence |\n|---|---|---|")
    for code in study.variants:
        mine = [entry for entry in trials if entry[0].variant == code]
        if mine:
            spec, tree, _ = best(mine)
            by_frame, by_sequence = averages(spec, tree, data)
            print(f"| {code} | {by_frame:.3f} | {by_sequence:.3f} |", flush=True)


if __name__ == "__main__":
    main()
