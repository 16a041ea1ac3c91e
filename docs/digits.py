"""The example of docs/extending.md: scikit-learn's handwritten digits, read row by row.

Each of 1797 pictures is a sequence of eight frames, a frame is a row of eight pixels. What digit it
is has to be said at the last row; the rows before have no label. Written to the file that is named.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from odyssey.datasets import save_arrays


def write(path: Path, count: int) -> None:
    """Write ``count`` digits in random order, six tenths to learn from, two for each other set."""
    digits = load_digits()
    order = np.random.default_rng(1).permutation(len(digits.images))[:count]
    # An integer for y is the label of the whole sequence, put at its last frame.
    pairs = [(digits.images[n], int(digits.target[n])) for n in order]
    first, second = 6 * count // 10, 8 * count // 10
    names = list("0123456789")
    save_arrays(path, pairs[:first], pairs[first:second], pairs[second:], labels=names)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, int(sys.argv[2]) if len(sys.argv) > 2 else 1797)
