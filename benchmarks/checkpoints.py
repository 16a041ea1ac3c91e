"""What checkpoints cost and what a kill would: trials of prepared data, run for a while.

``python -m benchmarks.checkpoints data/*.h5`` prints, per task and size, the share of the training
time that was spent in saving and in looking whether to save, and the longest time between two
saves, which is the most that a kill could have cost.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

import click

from odyssey.runs import stopping
from odyssey.runs.observer import Observer
from odyssey.runs.trial import run_trial
from odyssey.storage.datasets import load_dataset
from odyssey.study.study import Protocol, read_study

ROOT = Path(__file__).parents[1]


class Watch(Observer):
    """Adds up what saving and looking took, and stops the trial when its time is up."""

    def __init__(self, seconds: float) -> None:
        self.looking, self.saving, self.saves = 0.0, 0.0, []
        self.began = time.perf_counter()
        self._deadline = self.began + seconds

    def looked(self, spec, seconds):
        self.looking += seconds

    def saved(self, spec, seconds):
        self.saves.append(time.perf_counter())
        self.saving += seconds

    def asks_to_stop(self):
        return "the clock" if time.perf_counter() > self._deadline else ""

    def summary(self) -> str:
        total = time.perf_counter() - self.began
        gaps = [b - a for a, b in zip([self.began, *self.saves], self.saves, strict=False)]
        saving, looking = (100 * t / total for t in (self.saving, self.looking - self.saving))
        return (
            f"{saving:.2f} % of {total:.0f} s saving, {looking:.2f} % looking; {len(self.saves)} "
            f"saves of {1000 * self.saving / max(1, len(self.saves)):.1f} ms, at most "
            f"{max(gaps):.1f} s between two"
        )


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--seconds", default=60.0, help="That each trial trains.")
@click.option("--hidden", "sizes", multiple=True, default=(20, 200))
@click.option("--folder", type=click.Path(path_type=Path), help="Where checkpoints go.")
def main(data: tuple[Path, ...], seconds: float, sizes: tuple[int, ...], folder: Path) -> None:
    """Print what checkpoints cost on prepared DATA."""
    study = read_study(root=ROOT)
    for file in data:
        dataset = load_dataset(file)
        for hidden in sizes:
            spec = study.trial(dataset.task, "V", 0)
            drawn = {**spec.hyperparameters, "hidden": hidden, "learning_rate": 1e-4}
            forever = Protocol(10**6, 10**6, spec.protocol.weight_std)
            spec = dataclasses.replace(spec, hyperparameters=drawn, protocol=forever)
            with tempfile.TemporaryDirectory(dir=folder) as place:
                watch, file = Watch(seconds), Path(place) / "0.h5"
                try:
                    run_trial(spec, dataset, file, study.kernels, observers=[watch])
                except stopping.Stopped:
                    click.echo(f"{dataset.task} H={hidden}: {watch.summary()}")


if __name__ == "__main__":
    main()
