"""Units of a distance, and its comparison with chance."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from odyssey.analysis.records import Distance

Array = NDArray[np.float64]
#: The least unit, as a share of the largest of its kind: some quartiles hardly vary.
LEAST_UNIT = 0.1


def joined(row: Distance, compared: Sequence[Array]) -> Distance:
    """Return the distance of figures that were compared, arrays of (2 + resamples, figures).

    Row 0 holds differences in the unit of the distance, row 1 the same plainly, the others what
    chance gives, in the unit of the distance.
    """
    table = np.abs(np.hstack(compared))
    chance = table[2:].mean(axis=1)
    return replace(
        row,
        distance=float(table[0].mean()),
        plain=float(table[1].mean()),
        floor=float(chance.mean()),
        most=float(np.quantile(chance, 0.95)),
    )


def units_of(errors: Array) -> Array:
    """Return errors, none less than a share of the largest; 1 where nothing varies."""
    largest = errors.max()
    units: Array = np.maximum(errors, LEAST_UNIT * largest) if largest > 0 else np.ones_like(errors)
    return units
