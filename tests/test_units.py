"""Durations are said in units that fit: none is 0.0 of anything."""

import pytest

from odyssey.units import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0.02, "0.02 s"), (8.124, "8.12 s"), (119, "119 s"), (150, "2.5 min"), (7000, "117 min")),
        *((7200, "2 h"), (30_564, "8.49 h"), (131_220 * 3600, "131,220 h")),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
