"""Sound files → samples, and samples → the features of the TIMIT column.

Source: Young et al., The HTK Book (MFCC and regression derivatives).
"""

from typing import Any

import kaldi_native_fbank as knf  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from odyssey.storage.datasets import DataError
from odyssey.tasks.readers.containers import CONVERT, read_riff, read_sphere

RATE = 16_000  # samples per second
WINDOW, SHIFT = 400, 160  # samples: 25 ms every 10 ms
Samples = NDArray[np.int16]


def decode(content: bytes, place: str) -> Samples:
    """Return the samples of a SPHERE or RIFF file of 16 kHz, 16 bit, one channel.

    The first bytes tell the format. DataError for anything else and for a truncated file.
    """
    if content.startswith(b"NIST_1A"):
        found = read_sphere(content, place)
    elif content.startswith((b"RIFF", b"RF64")):
        found = read_riff(content, place)
    else:
        what = f"it starts {content[:8]!r}" if content else "it is empty"
        raise DataError(f"{place}: expected a SPHERE or RIFF sound file, {what}; {CONVERT}")
    if (found.rate, found.channels, found.bits) != (RATE, 1, 16):
        raise DataError(
            f"{place}: expected {RATE} samples per second, 1 channel, 16 bit, got "
            f"{found.rate}, {found.channels}, {found.bits}; {CONVERT}"
        )
    there = len(found.data) // 2
    count = there if found.length is None else found.length
    if not 0 <= count <= there:
        raise DataError(
            f"{place}: expected {count} samples by its header, got {there}: "
            "the file is truncated; copy it again"
        )
    return np.frombuffer(found.data, dtype=f"{found.order}i2", count=count).astype(np.int16)


def frame_centres(samples: int) -> NDArray[np.int64]:
    """Return the middle sample of each window that fits into a number of samples, (T,)."""
    return np.arange(max(0, 1 + (samples - WINDOW) // SHIFT)) * SHIFT + WINDOW // 2


def mfcc39(samples: Samples) -> NDArray[np.float32]:
    """Return log energy, 12 MFCC, and their first and second derivatives, (T, 39).

    PAPER: 25 ms Hamming windows every 10 ms, pre-emphasis 0.97. ASSUME: 26 mel bands from 0 to
    8 kHz and liftering by 22, as is usual with HTK; derivatives are regressions over ±2 frames.
    """
    extractor = knf.OnlineMfcc(_options())
    extractor.accept_waveform(RATE, samples.astype(np.float32).tolist())
    extractor.input_finished()
    frames = [extractor.get_frame(t) for t in range(extractor.num_frames_ready)]
    static = np.array(frames, dtype=np.float32).reshape(-1, 13)
    first = derivative(static)
    return np.concatenate([static, first, derivative(first)], axis=1)


def derivative(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the slope of a line through frames t−2..t+2, edges repeated, (T, D)."""
    padded = np.concatenate([features[:1].repeat(2, 0), features, features[-1:].repeat(2, 0)])
    T = len(features)
    near, far = padded[3 : T + 3] - padded[1 : T + 1], padded[4:] - padded[:T]
    return np.asarray((near + 2 * far) / 10, dtype=np.float32)


def _options() -> Any:
    options = knf.MfccOptions()
    frame = options.frame_opts
    frame.samp_freq, frame.dither, frame.window_type = RATE, 0.0, "hamming"
    frame.frame_length_ms, frame.frame_shift_ms, frame.preemph_coeff = 25.0, 10.0, 0.97
    options.mel_opts.num_bins, options.mel_opts.low_freq, options.mel_opts.high_freq = 26, 0.0, 0.0
    options.num_ceps, options.cepstral_lifter, options.use_energy = 13, 22.0, True
    return options
