"""Input noise and dropout as pure functions of a trial's key, the presentation and the place.

Source: section IV-B of the paper asks for Gaussian noise, fresh for every presentation. Dropout is
that of Zaremba et al. (2014), of the recurrent layer's outputs, so the recurrence is left alone;
what is kept is divided by the share that is kept, and an evaluation drops nothing. Both come
from a counter-based generator (Salmon et al., SC 2011), Threefry-4×32 with 20 rounds, and from
Box and Muller's transform, so there is no state to save, and the operators draw it where they need
it. This is the readable form; noise.h is the fast one and equals it to rounding (3e-6). What is
dropped is the same everywhere.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Words = NDArray[np.uint32]

_ROTATIONS = ((10, 26), (11, 21), (13, 27), (23, 5), (6, 20), (17, 11), (25, 10), (18, 20))
_PARITY, _ROUNDS = 0x1BD11BDA, 20
#: Counters whose words lie side by side: of 16 counters first the first words, then the second …
_GROUP = 16
_OF_NOISE, _OF_DROPOUT = 0, 1


class Noise(NamedTuple):
    """What is random in one presentation: noise of N(0, std²), independent for every entry of x.

    ``key`` tells trials apart, ``presentation`` counts the sequences that a trial has trained on;
    both are in 0..2⁶⁴ − 1. ``dropout`` is a probability below 1.
    """

    std: float
    key: int
    presentation: int
    dropout: float = 0.0

    def later(self, presentations: int) -> "Noise":
        """Return the noise of a later presentation."""
        return self._replace(presentation=self.presentation + presentations)

    def added_to(self, x: NDArray[Any]) -> FloatArray:
        """Return x plus the noise, as float32."""
        noisy: FloatArray = x + np.float32(self.std) * self.standard(x.size).reshape(x.shape)
        return noisy.astype(np.float32, copy=False)

    def standard(self, count: int) -> FloatArray:
        """Return the first ``count`` standard normal numbers of the presentation."""
        words = self._words(_OF_NOISE, count)
        normal = np.concatenate([_box_muller(words[0], words[1]), _box_muller(words[2], words[3])])
        return _in_order(normal)[:count].astype(np.float32)

    def mask(self, frames: int, outputs: int) -> FloatArray | None:
        """Return what the layer's outputs (T, outputs) are multiplied by; None without dropout."""
        if not self.dropout:
            return None
        share = np.float32(self.dropout)
        words = _in_order(self._words(_OF_DROPOUT, frames * outputs))[: frames * outputs]
        kept = words >= np.uint32(float(share) * 2.0**32)
        return (kept * (np.float32(1) / (np.float32(1) - share))).reshape(frames, outputs)

    def _words(self, of: int, count: int) -> Words:
        """Return random words (4, n) of their own for each use, for at least ``count`` entries."""
        groups = -(-count // (4 * _GROUP))
        counter = np.zeros((4, groups * _GROUP), np.uint32)
        counter[0], counter[1] = np.arange(groups * _GROUP), of
        counter[2:] = _low_and_high(self.presentation)[:, np.newaxis]
        return threefry(np.pad(_low_and_high(self.key), (0, 2)), counter)


def _in_order(of_words: NDArray[Any]) -> NDArray[Any]:
    """Return what (4, n) words gave in the order of the entries."""
    return of_words.reshape(4, -1, _GROUP).transpose(1, 0, 2).reshape(-1)


def threefry(key: Words, counter: Words) -> Words:
    """Return the random words (4, n) of Threefry-4×32-20 for a key (4,) and counters (4, n)."""
    schedule = [*key, np.bitwise_xor.reduce(key) ^ np.uint32(_PARITY)]
    x = [counter[n] + schedule[n] for n in range(4)]
    for r in range(_ROUNDS):
        first, second = _ROTATIONS[r % 8]
        a, b = (1, 3) if r % 2 == 0 else (3, 1)
        x[0] = x[0] + x[a]
        x[a] = _rotated(x[a], first) ^ x[0]
        x[2] = x[2] + x[b]
        x[b] = _rotated(x[b], second) ^ x[2]
        if r % 4 == 3:
            s = r // 4 + 1
            x = [x[n] + schedule[(s + n) % 5] for n in range(4)]
            x[3] = x[3] + np.uint32(s)
    return np.stack(x)


def _low_and_high(number: int) -> Words:
    return np.array([number & 0xFFFFFFFF, number >> 32], np.uint32)


def _rotated(x: Words, bits: int) -> Words:
    rotated: Words = (x << np.uint32(bits)) | (x >> np.uint32(32 - bits))
    return rotated


def _box_muller(radius: Words, angle: Words) -> NDArray[np.float64]:
    """Return two normal numbers for each pair of words, (2, n), at most 5.9 from 0."""
    u = ((radius >> np.uint32(8)) * 2.0**-24 + 2.0**-25).astype(np.float32).astype(np.float64)
    r, turn = np.sqrt(-2 * np.log(u)), np.pi * 2.0**-31 * angle.astype(np.int32)
    return np.stack([r * np.cos(turn), r * np.sin(turn)])
