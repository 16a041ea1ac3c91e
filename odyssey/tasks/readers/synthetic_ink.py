"""A stand-in for IAM-OnDB that needs no corpus: writers of single-stroke Hershey fonts.

A writer is a draw of a font, slant, size, speed, unsteadiness, rise of the baseline, and of whether
dots and bars wait until the word is done. Strokes and texts then go the way of IAM-OnDB's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from HersheyFonts import HersheyFonts  # type: ignore[import-untyped]
from numpy.typing import NDArray

from odyssey.tasks.readers.corpus import Corpus, split_groups
from odyssey.tasks.readers.ink import CHARACTERS, Stroke, line_example
from odyssey.tasks.readers.texts import written_line

_FONTS = ("futural", "rowmans", "scripts", "cursive")
_RATE = 100.0  # points per second
#: Characters whose later strokes a writer may put off.
_DELAYED = frozenset("ijtfxT")

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Writer:
    """What tells one writer from another; an x is 14 units of the font high."""

    font: str
    slant: float  # to the right, per unit of height
    size: float
    speed: float  # units per second
    jitter: float  # standard deviation of a letter's corners
    rise: float  # of the baseline, per unit of width
    delays: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Writer":
        """Return a random writer."""
        return cls(
            font=str(rng.choice(_FONTS)),
            slant=rng.uniform(-0.2, 0.5),
            size=rng.lognormal(0, 0.2),
            speed=rng.uniform(200, 400),
            jitter=rng.uniform(0.2, 0.9),
            rise=rng.normal(0, 0.02),
            delays=bool(rng.random() < 0.5),
        )


def read_synthetic(
    corpus: Corpus, seed: int = 1, writers: int = 40, lines: int = 10, characters: int = 25
) -> None:
    """Let ``writers`` write ``lines`` lines each, of at most ``characters``; 60/20/20 by writer."""
    corpus.labels = CHARACTERS
    corpus.packages = ("Hershey-Fonts",)
    names = [f"writer{k:03}" for k in range(writers)]
    sets = split_groups(names, seed)
    for k, name in enumerate(corpus.track(names)):
        rng = np.random.default_rng((seed, k))  # a writer stays the same among more writers
        writer = Writer.draw(rng)
        for n in range(lines):
            text = written_line(rng, characters)
            strokes = write(writer, text, rng)
            corpus.splits[sets[name]].append(line_example(f"{name}/{n}", strokes, text))


def write(writer: Writer, text: str, rng: np.random.Generator) -> list[Stroke]:
    """Return the strokes of a line, each (n, 3): x, y growing downwards, seconds."""
    strokes: list[Stroke] = []
    seconds = 0.0
    for corners in _corners(writer, text):
        unsteady = corners + rng.normal(0, writer.jitter, corners.shape)
        stroke = _drawn(_styled(writer, unsteady), writer.speed * writer.size, seconds)
        strokes.append(stroke)
        seconds = stroke[-1, 2] + rng.uniform(0.05, 0.2)
    return strokes


def _corners(writer: Writer, text: str) -> Iterator[Points]:
    """Yield the corners of each stroke in the order of writing, on a straight line."""
    x = 0.0
    for word in text.split(" "):
        later = []
        for character in word:
            strokes, width = _glyph(writer.font, character)
            placed = [stroke + np.array([x, 0.0]) for stroke in strokes]
            waits = writer.delays and character in _DELAYED
            later += placed[1:] if waits else []
            yield from placed[:1] if waits else placed
            x += width
        yield from later
        x += _glyph(writer.font, " ")[1]


@cache
def _glyph(font: str, character: str) -> tuple[list[Points], float]:
    """Return a character's strokes, the longest first, and its width."""
    glyph = next(iter(_font(font).glyphs_for_text(character)))
    offset = [-glyph.left_offset, 0]
    strokes = [np.array(list(stroke), float) + offset for stroke in glyph.strokes]
    return sorted(strokes, key=_length, reverse=True), float(glyph.char_width)


@cache
def _font(name: str) -> HersheyFonts:
    fonts = HersheyFonts()
    fonts.load_default_font(name)
    return fonts


def _length(corners: Points) -> float:
    return float(np.hypot(*np.diff(corners, axis=0).T).sum())


def _styled(writer: Writer, points: Points) -> Points:
    x, y = points.T
    return writer.size * np.column_stack([x - writer.slant * y, y - writer.rise * x])


def _drawn(corners: Points, speed: float, start: float) -> Stroke:
    """Return the points of a pen that moves through the corners at ``speed``, in units a second."""
    way = np.concatenate([[0], np.hypot(*np.diff(corners, axis=0).T).cumsum()])
    duration = way[-1] / speed
    ticks = np.arange(np.ceil(duration * _RATE - 1e-6))  # the end follows, and only once
    time = np.append(ticks / _RATE, duration)
    x, y = (np.interp(time * speed, way, corners[:, k]) for k in (0, 1))
    return np.column_stack([x, y, start + time])
