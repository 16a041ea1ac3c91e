"""Sound files → samples, and samples → the features of the TIMIT column.

Source: NIST SPHERE header layout; Young et al., The HTK Book (MFCC and regression derivatives).
"""

import io
import wave
from typing import Any

import kaldi_native_fbank as knf  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from odyssey.datasets import DataError

RATE = 16_000  # samples per second
WINDOW, SHIFT = 400, 160  # samples: 25 ms every 10 ms
Samples = NDArray[np.int16]


def decode(content: bytes, place: str) -> Samples:
    """Return the samples of a SPHERE or RIFF file of 16 kHz, 16 bit, one channel.

    The first bytes tell the format. DataError for anything else and for a truncated file.
    """
    if content.startswith(b"NIST_1A"):
        return _decode_sphere(content, place)
    if content.startswith(b"RIFF"):
        return _decode_riff(content, place)
    raise DataError(f"{place}: expected a SPHERE or RIFF sound file, it starts {content[:8]!r}")


def _decode_sphere(content: bytes, place: str) -> Samples:
    header = _sphere_header(content, place)
    coding = header.get("sample_coding", "pcm")
    if coding != "pcm":
        raise DataError(
            f"{place}: expected uncompressed sound, got {coding}; convert it with NIST's "
            f"w_decode -o pcm IN OUT or with sph2pipe -f rif IN OUT"
        )
    order = {"01": "<", "10": ">"}.get(header.get("sample_byte_format", ""), "")
    _check_layout(
        place,
        rate=header.get("sample_rate"),
        channels=header.get("channel_count", 1),
        bytes=header.get("sample_n_bytes"),
    )
    count = header.get("sample_count")
    if not order or not isinstance(count, int) or count < 0:
        raise DataError(f"{place}: expected a byte order 01 or 10 and a sample_count in the header")
    return _samples(content[header["header_bytes"] :], count, order, place)


def _sphere_header(content: bytes, place: str) -> dict[str, Any]:
    """Return the fields ``name -i 1``, ``name -s3 pcm`` and the header's size in bytes."""
    try:
        lines = content[:65536].decode("latin-1").split("\n")
        fields: dict[str, Any] = {"header_bytes": int(lines[1])}
        for line in lines[2 : lines.index("end_head")]:
            name, kind, value = line.split(maxsplit=2)
            fields[name] = int(value) if kind == "-i" else value.strip()
    except (ValueError, IndexError) as error:
        raise DataError(f"{place}: expected a SPHERE header up to end_head, got {error}") from error
    if not 0 < fields["header_bytes"] <= len(content):
        raise DataError(f"{place}: the file ends within its SPHERE header; copy it again")
    return fields


def _decode_riff(content: bytes, place: str) -> Samples:
    try:
        with wave.open(io.BytesIO(content)) as file:
            layout = file.getparams()
            data = file.readframes(layout.nframes)
    except (wave.Error, EOFError, RuntimeError) as error:
        raise DataError(f"{place}: expected a RIFF file of PCM sound, got: {error}") from error
    _check_layout(place, rate=layout.framerate, channels=layout.nchannels, bytes=layout.sampwidth)
    return _samples(data, layout.nframes, "<", place)


def _check_layout(place: str, **found: Any) -> None:
    expected = {"rate": RATE, "channels": 1, "bytes": 2}
    if found != expected:
        raise DataError(f"{place}: expected {expected} per sample, got {found}; resample it")


def _samples(data: bytes, count: int, order: str, place: str) -> Samples:
    if len(data) < 2 * count:
        raise DataError(
            f"{place}: expected {count} samples by its header, got {len(data) // 2}: "
            "the file is truncated; copy it again"
        )
    return np.frombuffer(data, dtype=f"{order}i2", count=count).astype(np.int16)


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
