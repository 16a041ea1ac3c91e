"""Prepared data, and data of one's own, for scripts and notebooks.

from odyssey.datasets import load_dataset, save_arrays

save_arrays("moods.h5", train=[(x, y), …], valid=[…], test=[…], labels=["calm", "glad"])
data = load_dataset(Path("data/moods.h5"))
x, y = data.train[0]
"""

from odyssey.storage.arrays import save_arrays
from odyssey.storage.datasets import DataError, Dataset, Example, Split, load_dataset

__all__ = ["DataError", "Dataset", "Example", "Split", "load_dataset", "save_arrays"]
