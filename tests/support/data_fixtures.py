"""Small datasets and the shared corpora, for tests of several modules."""

from pathlib import Path

import numpy as np
import pytest

from odyssey.storage.datasets import Dataset, Example, Provenance, Split

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name: str) -> Path:
    """Return a corpus beside the repository, or skip the test."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs the corpus ../shared/data/{name}, which is not part of the project")
    return path


def small_dataset(seed: int = 0, **changes: object) -> Dataset:
    """Return three sets of frame-labelled sequences of different lengths, D = 3, K = 5."""
    rng = np.random.default_rng(seed)

    def examples(n: int) -> list[Example]:
        lengths = rng.integers(1, 9, n)
        return [
            Example(
                f"s{k}",
                rng.normal(size=(length, 3)).astype(np.float32),
                rng.integers(0, 5, length).astype(np.int32),
            )
            for k, length in enumerate(lengths)
        ]

    splits = {name: Split.of(examples(n)) for name, n in (("train", 6), ("valid", 2), ("test", 3))}
    fields: dict[str, object] = {
        "task": "timit",
        "source": "made up",
        "description": "random numbers",
        "labels": tuple("abcde"),
        "splits": splits,
        "mean": np.zeros(3, np.float32),
        "std": np.ones(3, np.float32),
        "baselines": {"majority class": 80.0},
        "provenance": Provenance({"seed": "1"}, {"numpy": "1"}, {"f": "00"}, {"x": "why"}, ("n",)),
    }
    return Dataset(**(fields | changes))
