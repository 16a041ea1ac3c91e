"""Pen strokes with a text → what the handwriting column trains on, the same for every source.

Source: Greff et al., section IV-A. A stroke is float64 (n, 3): x, y (growing downwards) and time
in seconds, from pen down to pen up.
"""

import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from odyssey.storage.datasets import DataError, Example

#: The 81 characters; the blank of CTC is the class after the last.
CHARACTERS = tuple(
    string.ascii_lowercase + string.ascii_uppercase + string.digits + " !\"#&'()*+,-./[]:;?"
)
_CLASS = {character: k for k, character in enumerate(CHARACTERS)}

#: Of coordinates and times: what is beyond is no ink, and would overflow in float32.
LARGEST = 1e15

Stroke = NDArray[np.float64]


def line_example(name: str, strokes: Sequence[Stroke], text: str) -> Example:
    """Return a line's features and labels; DataError for other characters and for no ink."""
    return Example(name, line_features(strokes), encode(text))


def encode(text: str) -> NDArray[np.int32]:
    """Return the classes of a text, white space joined, (U,); DataError for other characters."""
    joined = " ".join(text.split())
    unknown = sorted(set(joined) - set(CHARACTERS))
    if unknown or not joined:
        found = f"{''.join(unknown)!r} in {joined!r}" if joined else "nothing"
        raise DataError(f"expected a text of the 81 characters, got {found}")
    return np.array([_CLASS[character] for character in joined], np.int32)


def decode(labels: Sequence[int]) -> str:
    """Return the text of a sequence of classes."""
    return "".join(CHARACTERS[label] for label in labels)


def line_features(strokes: Sequence[Stroke]) -> NDArray[np.float32]:
    """Return Δx, Δy, seconds since pen down, and 1 at the last point of a stroke, (T, 4).

    ASSUME: half the length means every second point of each stroke, its last point among them, and
    differences are taken between the points kept, so that no way is lost. DataError if there is no
    point or one is out of range.
    """
    _check(strokes)
    kept = [stroke[(len(stroke) - 1) % 2 :: 2] for stroke in strokes if len(stroke)]
    points = np.concatenate(kept)
    features = np.zeros((len(points), 4))
    features[1:, :2] = np.diff(points[:, :2], axis=0)
    begins = [stroke[0, 2] for stroke in strokes if len(stroke)]
    features[:, 2] = points[:, 2] - np.repeat(begins, [len(stroke) for stroke in kept])
    features[np.cumsum([len(stroke) for stroke in kept]) - 1, 3] = 1
    return features.astype(np.float32)


def scaled_to_line(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Return strokes in units of their line: the deviation of the ink from its rising or falling.

    ASSUME: so corpora are normalised whose tablets differ in units. DataError for ink without
    extent.
    """
    _check(strokes)
    points = np.concatenate(strokes)
    x, y = (points[:, :2] - points[:, :2].mean(axis=0)).T
    slope = (x @ y) / (x @ x) if x.any() else 0.0
    height = float(np.std(y - slope * x))
    if height <= 1e-6 * np.abs(points[:, :2]).max():  # what rounding leaves of a straight line
        raise DataError("expected ink with some height, got a dot or a straight line")
    return [stroke / [height, height, 1.0] for stroke in strokes]


def _check(strokes: Sequence[Stroke]) -> None:
    if not any(len(stroke) for stroke in strokes):
        raise DataError("expected at least one stroke with a point, got none")
    if not (np.abs(np.concatenate(strokes)) < LARGEST).all():  # which NaN is not
        raise DataError(f"expected coordinates and times below {LARGEST:g}, got others")
