"""Random data of a task's kind, for benchmarks and tests that need some at once."""

import numpy as np

from odyssey.losses import get_loss
from odyssey.storage.datasets import Dataset, Example, Split
from odyssey.tasks import TASKS


def tiny_dataset(task: str, sequences: int = 5, seed: int = 1) -> Dataset:
    """Random sequences of a task's kind, of unequal lengths."""
    row, generator = TASKS[task], np.random.default_rng(seed)
    targets = get_loss(row.loss).targets

    def example(k):
        T = int(generator.integers(4, 9))
        x = generator.normal(size=(T, row.inputs)).astype(np.float32)
        if targets.vectors:
            y = generator.integers(0, 2, (T, row.outputs))
        else:
            y = generator.integers(0, row.outputs - 1, T if targets.per_frame else 2)
        return Example(f"{k}", x, y.astype(targets.dtype))

    def split(number):
        return Split.of([example(k) for k in range(number)])

    return Dataset(
        task=task,
        source="made up",
        description="random numbers",
        labels=tuple(str(k) for k in range(row.outputs)),
        splits={"train": split(sequences), "valid": split(3), "test": split(2)},
        mean=np.zeros(row.inputs, np.float32),
        std=np.ones(row.inputs, np.float32),
        fingerprint=f"tiny-{task}-{sequences}-{seed}",
    )
