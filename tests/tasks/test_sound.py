"""Sound files as programs write them; MFCC against the HTK equations in float64."""

import contextlib
import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.storage.datasets import DataError
from odyssey.tasks.readers.sound import decode, derivative, frame_centres, mfcc39
from tests.support.data_fixtures import shared

SAMPLES = np.random.default_rng(0).normal(0, 3000, 4000).astype(np.int16)


def sphere(samples=SAMPLES, order="<", size=1024, **changes):
    fields = {
        "channel_count": "-i 1",
        "sample_count": f"-i {len(samples)}",
        "sample_rate": "-i 16000",
        "sample_n_bytes": "-i 2",
        "sample_byte_format": "-s2 01" if order == "<" else "-s2 10",
    }
    lines = [f"{name} {value}" for name, value in (fields | changes).items() if value]
    header = "\n".join(["NIST_1A", f"   {size}", *lines, "end_head", ""]).encode()
    return header.ljust(size) + samples.astype(f"{order}i2").tobytes()


def riff(samples=SAMPLES, rate=16000, width=2, channels=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


GUID = bytes.fromhex("0100000000001000800000aa00389b71")
PLAIN = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
EXTENSIBLE = struct.pack("<HHIIHH", 0xFFFE, 1, 16000, 32000, 2, 16)
EXTENSIBLE += struct.pack("<HHI", 22, 16, 4) + GUID
SOUND = SAMPLES.astype("<i2").tobytes()


SHORTENED = sphere()[:1024] + b"ajkg\2" + SOUND


def chunk(name, content, size=None, pad=b"\0"):
    head = name + struct.pack("<I", len(content) if size is None else size)
    return head + content + (pad if len(content) % 2 else b"")


def riff_of(*chunks, name=b"RIFF", total=None):
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if total is None else total) + body


@pytest.mark.parametrize(
    "content",
    [
        sphere(),
        sphere(order=">"),
        sphere(sample_rate="-r 16000.0", sample_count="-r 4000.000000"),
        sphere(**{"; made by": "hand", "utterance_id": "-s0 ", "speaker_id": "-s4", "note": "?"}),
        sphere(sample_rate="-i 16000 ; samples a second", sample_coding="-s3 pcm ; not shorten"),
        sphere(database_id="-s10 a ; in it ", channel_count=""),
        sphere(sample_count=""),
        sphere(size=2048),
    ],
)
def test_samples_survive_every_sphere_header(content):
    np.testing.assert_array_equal(decode(content, "x"), SAMPLES, strict=True)


@pytest.mark.parametrize(
    "content",
    [
        riff(),
        *(
            riff_of(chunk(b"fmt ", PLAIN), chunk(b"data", SOUND, size), total=total)
            for size, total in (
                (0xFFFFFFFF, 0xFFFFFFFF),
                (0x7FFFF000, 0x7FFFF024),
                (0x80000000, 0),
                (0, 0),
                (0, 36),
            )
        ),
        riff_of(chunk(b"fmt ", EXTENSIBLE), chunk(b"data", SOUND)),
        riff_of(chunk(b"fmt ", PLAIN + b"\0\0"), chunk(b"fact", b"1234"), chunk(b"data", SOUND)),
        riff_of(
            chunk(b"LIST", b"odd"),
            chunk(b"fmt ", PLAIN),
            chunk(b"data", SOUND),
            chunk(b"x   ", b"1"),
        ),
        riff_of(chunk(b"LIST", b"odd", pad=b""), chunk(b"fmt ", PLAIN), chunk(b"data", SOUND)),
        riff_of(
            chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND), 4000, 0)),
            *(chunk(b"fmt ", PLAIN), chunk(b"data", SOUND, 0xFFFFFFFF), chunk(b"LIST", b"more")),
            name=b"RF64",
            total=0xFFFFFFFF,
        ),
    ],
)
def test_samples_survive_every_riff_file(content):
    np.testing.assert_array_equal(decode(content, "x"), SAMPLES, strict=True)


def test_a_recording_without_samples_is_no_pipe():
    assert len(decode(riff(SAMPLES[:0]), "x")) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sphere()[:-10], "expected 4000 samples by its header, got 3995: the file is truncated"),
        (riff()[:-10], "expected 4000 samples by its header, got 3995"),
        (sphere()[:700], "ends within its SPHERE header"),
        (sphere()[:70], "SPHERE header up to end_head"),
        (sphere(sample_coding="-s26 pcm,embedded-shorten-v2.00"), "w_decode -o pcm IN OUT"),
        (SHORTENED, "got pcm in shorten; convert it with NIST's w_decode -o pcm IN OUT"),
        (sphere(sample_rate="-i 8000"), "got 8000, 1, 16; convert it: sox IN -r 16000 -c 1"),
        (sphere(sample_rate=""), "got None, 1, 16"),
        (
            sphere(sample_rate="-i fast"),
            "a whole number as sample_rate in the SPHERE header, got 'fast'",
        ),
        (sphere(sample_rate="-r 16000.5"), "got '16000.5'"),
        (sphere(channel_count="-i 2"), "got 16000, 2, 16"),
        (sphere(sample_count="-i -1"), "expected -1 samples by its header"),
        (sphere(sample_byte_format="-s1 1"), "01 or 10 in the SPHERE header, got 1"),
        (riff(channels=2), "got 16000, 2, 16"),
        (
            riff_of(chunk(b"fmt ", b"\3" + PLAIN[1:])),
            "PCM sound, got floating point; convert it: sox",
        ),
        (riff_of(chunk(b"fmt ", EXTENSIBLE[:24] + b"\6" + EXTENSIBLE[25:])), "got A-law"),
        (riff_of(chunk(b"fmt ", EXTENSIBLE[:-1])), "got coding 0xfffe"),
        (riff_of(chunk(b"fmt ", PLAIN[:9])), "got a format of 9 bytes, which takes 16"),
        (riff_of(chunk(b"data", SOUND)), "got one without format"),
        (riff_of(chunk(b"fmt ", PLAIN)), "got one without sound"),
        (sphere(sample_byte_format=""), "expected a byte order 01 or 10"),
        (riff(rate=44100), "got 44100, 1, 16"),
        (riff(width=1), "got 16000, 1, 8"),
        (b"fLaC....", "expected a SPHERE or RIFF sound file, it starts b'fLaC"),
        (b"", "it is empty"),
        (riff()[:20], "expected a RIFF file of PCM sound"),
    ],
)
def test_other_sound_is_refused(content, message):
    with pytest.raises(DataError, match=r"^some/file: ") as caught:
        decode(content, "some/file")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


PIPED = riff_of(chunk(b"fmt ", EXTENSIBLE), chunk(b"data", SOUND[:100], 0xFFFFFFFF), total=0)


@pytest.mark.parametrize("valid", [sphere(SAMPLES[:50]), riff(SAMPLES[:50]), PIPED])
@given(data=st.data())
@settings(max_examples=150)
def test_no_bytes_crash_the_decoder(valid, data):
    content = bytearray(valid)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, min(len(content), 260)))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(DataError):
        decode(bytes(content), "x")
    assert len(decode(valid, "x")) == 50


def htk_mfcc(samples):
    """Log energy and 12 MFCC by the equations of the HTK book, section 5, in float64."""
    bands, size = 26, 512
    mel = 1127 * np.log(1 + np.arange(size // 2 + 1) * 16000 / size / 700)
    edges = np.linspace(0, 1127 * np.log(1 + 8000 / 700), bands + 2)
    rising = (mel - edges[:-2, None]) / np.diff(edges)[0]
    weights = np.clip(np.minimum(rising, 2 - rising), 0, None)
    order = np.arange(13)
    cosines = np.cos(np.pi * order[:, None] / bands * (np.arange(bands) + 0.5))
    lifter = 1 + 11 * np.sin(np.pi * order / 22)
    rows = []
    for centre in frame_centres(len(samples)):
        frame = samples[centre - 200 : centre + 200].astype(float)
        frame -= frame.mean()
        energy = np.log((frame**2).sum())
        emphasised = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        power = np.abs(np.fft.rfft(emphasised * np.hamming(400), size)) ** 2
        cepstrum = np.sqrt(2 / bands) * cosines @ np.log(weights @ power) * lifter
        rows.append([energy, *cepstrum[1:]])
    return np.array(rows)


def test_features_are_those_of_the_htk_book():
    features = mfcc39(SAMPLES)
    assert features.shape == (1 + (4000 - 400) // 160, 39)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, :13], htk_mfcc(SAMPLES), rtol=0, atol=1e-4)


def test_features_of_real_speech_to_a_ten_thousandth_of_their_spread():
    paths = sorted(shared("speech_timit_layout").rglob("*.WAV"))[::10]
    for path in paths:
        samples = decode(path.read_bytes(), path.name)
        expected = htk_mfcc(samples)
        error = np.abs(mfcc39(samples)[:, :13] - expected).max(axis=0)
        assert (error < 1e-4 * expected.std(axis=0)).all(), path.name


def test_derivatives_by_their_definition():
    static, first, second = np.split(mfcc39(SAMPLES).astype(float), 3, axis=1)
    for source, found in ((static, first), (first, second)):
        T = len(source)
        at = lambda t, source=source, T=T: source[min(max(t, 0), T - 1)]  # noqa: E731
        expected = [
            sum(k * (at(t + k) - at(t - k)) for k in (1, 2)) / (2 * (1 + 4)) for t in range(T)
        ]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_slope_of_a_line_is_exact():
    line = np.arange(20, dtype=np.float32)[:, None] * 3 + 1
    np.testing.assert_allclose(derivative(line)[2:-2], 3, rtol=1e-6)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)])
def test_only_whole_windows_count(samples, frames):
    assert len(frame_centres(samples)) == frames
    assert mfcc39(SAMPLES[:samples]).shape == (frames, 39)
