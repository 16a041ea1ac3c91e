"""Sequences of one's own, small and ragged, for every loss."""

import csv

import numpy as np

from odyssey.losses import get_loss

D, K = 3, 4


def pairs(loss, count, seed, longest=9):
    """Return sequences (x, y) of 4 to ``longest`` frames."""
    generator = np.random.default_rng(seed)
    found = []
    for frames in generator.integers(4, longest + 1, count):
        x = generator.normal(5, 3, (frames, D))
        found.append((x, get_loss(loss).draw_targets(generator, int(frames), K)))
    return found


def sets(loss):
    """Return a training, a validation and a test set."""
    return {name: pairs(loss, n, n) for name, n in (("train", 12), ("valid", 4), ("test", 5))}


def write_csv(folder, found, column="label"):
    """Write sets as a folder of CSV files with a list for each."""
    folder.mkdir()
    for name, sequences in found.items():
        names = [f"{name}{k}.csv" for k in range(len(sequences))]
        (folder / f"{name}.txt").write_text("\n".join(names) + "\n")
        for file, (x, y) in zip(names, sequences, strict=True):
            with (folder / file).open("w", newline="") as out:
                width = 1 if y.ndim == 1 else y.shape[1]
                rest = [""] * (len(x) - len(y))  # CTC: fewer labels than frames
                y = np.array([*y.tolist(), *rest], object) if rest else y
                targets = [column] if y.ndim == 1 else [f"target_{k}" for k in range(width)]
                rows = csv.writer(out)
                rows.writerow([*(f"x{k}" for k in range(x.shape[1])), *targets])
                rows.writerows(
                    [*row, *each] for row, each in zip(x, y.reshape(-1, width), strict=True)
                )
