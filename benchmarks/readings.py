"""What the paper may have measured on JSB: one search's trials, every epoch read in several ways.

``python -m benchmarks.readings record STUDY.yaml FOLDER`` trains the trials of a search as the
study does, but to the last epoch, and keeps the loss of every chorale of the validation and test
sets, for every epoch from the untrained net on and at two points: where Nesterov's gradient is
taken (the look-ahead point, which this project's parameters are) and at the base point θ, which is
the look-ahead point less momentum times velocity. One file per trial; what is there is not trained
again.
``--first-frame`` also has the first frame predicted, from an input of silence.

``python -m benchmarks.readings tables FOLDER OUT`` writes a trials.csv for each reading that these
losses allow: which point, the mean over frames or over chorales, divided by the T − 1 predicted
frames or by all T.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product, repeat
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from odyssey.engines.fused.model import FusedModel
from odyssey.engines.training import (
    TrainingRules,
    TrainingState,
    evaluate,
    initial_parameters,
    judge_again,
    train,
)
from odyssey.storage.datasets import Dataset, Example, Split, load_dataset
from odyssey.study.study import TrialSpec, read_study
from odyssey.tasks import TASKS
from odyssey.tasks.merit import FigureOfMerit

TASK = "jsb"
SETS = ("valid", "test")
POINTS = ("look-ahead", "base")
AVERAGES = ("frames", "chorales")
DIVISORS = ("predicted", "all")


class Losses(FigureOfMerit):
    """The figure of merit, which keeps the loss of every sequence."""

    def __init__(self, kept: list[list[float]]) -> None:
        super().__init__(TASKS[TASK])
        self._losses: list[float] = []
        kept.append(self._losses)

    def add(self, loss: float, activations: Any, y: Any) -> None:
        """Count one sequence."""
        self._losses.append(loss)
        super().add(loss, activations, y)


def from_silence(split: Split) -> Split:
    """Return the sequences with their first frame to be predicted from an input of zeros."""
    examples = []
    for n, (x, y) in enumerate(split):
        first = x[:1].astype(y.dtype)
        inputs, targets = np.concatenate([0 * x[:1], x]), np.concatenate([first, y])
        examples.append(Example(str(n), inputs, targets))
    return Split.of(examples)


def record(spec: TrialSpec, data: Dataset, path: Path) -> None:
    """Train one trial to its last epoch and write its losses."""
    if path.exists():
        return
    model = FusedModel(spec.network, spec.rule)
    generator = np.random.default_rng(spec.training_seed)
    shapes, std = spec.network.parameter_shapes(), spec.protocol.weight_std
    model.set_parameters(initial_parameters(shapes, std, generator))
    kept: dict[str, list[list[float]]] = {point: [] for point in POINTS}

    def at_base_point(state: TrainingState, epoch_ended: bool) -> None:
        if not epoch_ended or state.diverged_epoch:
            return
        ahead, velocity = model.get_parameters(), model.get_state()["velocity"]
        momentum = np.float32(spec.rule.momentum)
        model.set_parameters({n: p - momentum * velocity[n] for n, p in ahead.items()})
        for name in SETS:
            evaluate(model, data.splits[name], Losses(kept["base"]))
        model.set_parameters(ahead)

    epochs = spec.protocol.epochs
    new_merit = partial(Losses, kept["look-ahead"])
    rules = TrainingRules(epochs, epochs, spec.noise, spec.noise_key, new_merit)
    state = TrainingState(generator)
    train(model, data, rules, state, at_base_point)
    # Before the first update both points are one; a pair that came before a divergence is left out.
    kept["base"] = kept["look-ahead"][:2] + kept["base"]
    pairs = 1 + len(state.epochs)
    arrays = {
        f"{point} {name}": np.array(kept[point][k : 2 * pairs : 2], np.float32)
        for point in POINTS
        for k, name in enumerate(SETS)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft.npz")
    np.savez(
        draft,
        train=np.array([epoch.train for epoch in state.epochs]),
        seconds=np.array([epoch.seconds for epoch in state.epochs]),
        diverged_epoch=state.diverged_epoch,
        **{f"frames {name}": [len(y) for _, y in data.splits[name]] for name in SETS},
        **arrays,
    )
    draft.rename(path)


def figures(
    trial: Any, name: str, point: str, average: str, divisor: str, silence: bool
) -> np.ndarray:
    """Return the figure of merit of a set after every epoch from 0 on."""
    frames = trial[f"frames {name}"] + (divisor == "all" and not silence)
    losses = trial[f"{point} {name}"].astype(float)
    if average == "frames":
        return np.asarray(losses.sum(axis=1) / frames.sum())
    return np.asarray((losses / frames).mean(axis=1))


def rows(folder: Path, reading: tuple[str, str, str], start: int) -> Iterator[dict[str, Any]]:
    """Yield the trials as rows of trials.csv, by one reading; ``start`` is the first epoch."""
    specs = pd.read_csv(folder / "trials.csv")
    silence = (folder / "first-frame").exists()
    for row in specs.to_dict("records"):
        path = folder / f"{row['trial']}.npz"
        if not path.exists():
            continue
        with np.load(path) as trial:
            valid, test = (figures(trial, name, *reading, silence) for name in SETS)
            untrained = valid[0] if start == 0 else np.inf
            epochs, best = judge_again(untrained, valid[1:], int(row["patience"]))
            seconds = float(trial["seconds"][:epochs].sum())
            diverged = int(trial["diverged_epoch"]) if epochs == len(valid) - 1 else 0
        yield row | {
            "status": "diverged" if diverged else "finished",
            "epochs": epochs,
            "best_epoch": best,
            "valid": valid[best],
            "test": test[best],
            "seconds": seconds,
            "seconds_per_epoch": seconds / epochs if epochs else np.nan,
            "diverged_epoch": diverged or None,
        }


@click.group()
def main() -> None:
    """Record the losses of a search's trials, and read them."""


@main.command("record")
@click.argument("study_file", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--variant", default="V")
@click.option("--trials", help="Numbers with commas between, in this order; all if not given.")
@click.option("--workers", default=2)
@click.option("--first-frame", is_flag=True, help="Predict the first frame too, from silence.")
def _record(
    study_file: Path,
    folder: Path,
    variant: str,
    trials: str | None,
    workers: int,
    first_frame: bool,
) -> None:
    """Train what is missing."""
    study = read_study([study_file])
    data = load_dataset(study.data_path(TASK))
    if first_frame:
        data = replace(data, splits={n: from_silence(s) for n, s in data.splits.items()})
    everything = [study.trial(TASK, variant, k) for k in range(study.trials(TASK))]
    specs = [everything[int(k)] for k in trials.split(",")] if trials else everything
    folder.mkdir(parents=True, exist_ok=True)
    if first_frame:
        (folder / "first-frame").touch()
    pd.DataFrame(map(_identity, everything)).to_csv(folder / "trials.csv", index=False)
    paths = [folder / f"{spec.trial}.npz" for spec in specs]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(record, specs, repeat(data), paths))


def _identity(spec: TrialSpec) -> dict[str, Any]:
    shapes = spec.network.parameter_shapes()
    return {
        **{name: getattr(spec, name) for name in ("task", "variant", "trial")},
        **spec.hyperparameters,
        "parameters": sum(int(np.prod(shape)) for shape in shapes.values()),
        "seed": spec.seed,
        "patience": spec.protocol.patience,
        "source": "mat",
    }


@main.command("tables")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def _tables(folder: Path, out: Path) -> None:
    """Write the tables of all readings."""
    out.mkdir(parents=True, exist_ok=True)
    for start, *reading in product((0, 1), POINTS, AVERAGES, DIVISORS):
        table = pd.DataFrame(rows(folder, (reading[0], reading[1], reading[2]), start))
        name = "-".join((*reading, f"from{start}"))
        table.to_csv(out / f"{name}.csv", index=False)
        click.echo(f"{name}: {len(table)} trials, least test {table.test.min():.3f}")


if __name__ == "__main__":
    main()
