"""What is inside a sound file: NIST SPHERE, RIFF (WAVE) and RF64, as different programs write them.

Source: NIST's SPHERE header layout; Microsoft's and IBM's Multimedia Programming Interface (RIFF),
WAVE_FORMAT_EXTENSIBLE; EBU Tech 3306 (RF64).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from odyssey.storage.datasets import DataError

#: What to do with sound of another kind.
CONVERT = "convert it: sox IN -r 16000 -c 1 -b 16 -e signed-integer OUT.wav"

_PCM, _EXTENSIBLE = 1, 0xFFFE
_CODINGS = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "µ-law", 17: "IMA ADPCM", 85: "MP3"}
#: The rest of the GUID behind the two bytes of the coding in WAVE_FORMAT_EXTENSIBLE.
_GUID = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
#: Programs that write into a pipe give a size near 2³¹ or 2³², which means: to the end.
_UNKNOWN_SIZE = 0x7FF00000


class Recording(NamedTuple):
    """Uncompressed sound: samples per second, channels, bits a sample, byte order, and the bytes.

    ``length`` is the number of samples that the header promises, None where it does not know.
    """

    rate: int | None
    channels: int | None
    bits: int | None
    order: str
    length: int | None
    data: bytes


def read_sphere(content: bytes, place: str) -> Recording:
    """Return what a SPHERE file holds; DataError for compressed sound and broken headers."""
    size, header = _sphere_header(content, place)
    coding, data = header.get("sample_coding") or "pcm", content[size:]
    if data.startswith(b"ajkg"):  # compressed, whatever the header says
        coding = f"{coding} in shorten"
    if coding != "pcm":
        raise DataError(
            f"{place}: expected uncompressed sound, got {coding}; convert it with NIST's "
            f"w_decode -o pcm IN OUT or with sph2pipe -f rif IN OUT"
        )
    order = header.get("sample_byte_format", "")
    if order not in ("01", "10"):
        raise DataError(
            f"{place}: expected a byte order 01 or 10 in the SPHERE header, got "
            f"{order or 'none'}; {CONVERT}"
        )
    width = _number(header, "sample_n_bytes", place)
    return Recording(
        _number(header, "sample_rate", place),
        _number(header, "channel_count", place) if "channel_count" in header else 1,
        width and 8 * width,
        "<" if order == "01" else ">",
        _number(header, "sample_count", place),
        data,
    )


def _sphere_header(content: bytes, place: str) -> tuple[int, dict[str, str]]:
    """Return the header's size in bytes and its fields as text: ``name -i 1``, ``name -s3 pcm``.

    Comments (``;``) and rows without a type are passed over.
    """
    lines = [line.strip() for line in content[:65536].decode("latin-1").split("\n")]
    try:
        size, rows = int(lines[1]), lines[2 : lines.index("end_head")]
    except (ValueError, IndexError) as error:
        raise DataError(f"{place}: expected a SPHERE header up to end_head, got {error}") from error
    if not 0 < size <= len(content):
        raise DataError(f"{place}: the file ends within its SPHERE header; copy it again")
    fields = {}
    for row in rows:
        words = row.split(maxsplit=2)
        if len(words) > 1 and not words[0].startswith(";") and words[1][:2] in ("-i", "-r", "-s"):
            fields[words[0]] = _sphere_value(words[1], words[2] if len(words) > 2 else "")
    return size, fields


def _sphere_value(kind: str, rest: str) -> str:
    """Return a field's value without a comment behind it; ``-s`` is followed by its length."""
    length = int(kind[2:9]) if kind[2:].isdecimal() and kind[:2] == "-s" else 0
    return (rest[:length] + rest[length:].partition(";")[0]).strip()


def _number(header: dict[str, str], name: str, place: str) -> int | None:
    """Return a whole number, which may be written as a real one; None if there is none."""
    text = header.get(name)
    if not text:
        return None
    try:
        value = float(text)
        if not value.is_integer():
            raise ValueError(text)
    except ValueError as error:
        raise DataError(
            f"{place}: expected a whole number as {name} in the SPHERE header, got {text[:80]!r}"
        ) from error
    return int(value)


def read_riff(content: bytes, place: str) -> Recording:
    """Return what a RIFF or RF64 file holds; DataError if it is not PCM sound."""
    layout = long_size = None
    for name, size, begin in _chunks(content):
        chunk = content[begin : begin + size]
        if name == b"ds64" and len(chunk) >= 16:
            long_size = int.from_bytes(chunk[8:16], "little")
        elif name == b"fmt ":
            layout = _riff_layout(chunk, place)
        elif name == b"data" and layout:
            channels, rate, bits = layout
            data, length = _riff_data(content, begin, long_size or size), None
            if data is None:
                data, length = chunk, (long_size or size) // max(1, channels * bits // 8)
            return Recording(rate, channels, bits, "<", length, data)
    raise DataError(
        f"{place}: expected a RIFF file of PCM sound, got one without "
        f"{'sound' if layout else 'format'} ({len(content)} bytes); copy it again"
    )


def _riff_data(content: bytes, begin: int, size: int) -> bytes | None:
    """Return all bytes to the end if the writer did not know how many there would be."""
    whole = len(content) == 8 + int.from_bytes(content[4:8], "little")
    unknown = size >= _UNKNOWN_SIZE or (size == 0 and not whole)
    return content[begin:] if unknown and begin + size != len(content) else None


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, size and place of the chunks of a RIFF file, whatever it says of its own size."""
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, size, at + 8
        at += 8 + size
        if size % 2 and content[at : at + 1] == b"\0":  # a byte of padding, which some forget
            at += 1


def _riff_layout(chunk: bytes, place: str) -> tuple[int, int, int]:
    """Return channels, samples per second and bits a sample; DataError if it is not PCM."""
    if len(chunk) < 16:
        raise DataError(
            f"{place}: expected a RIFF file of PCM sound, got a format of {len(chunk)} bytes, "
            "which takes 16; copy it again"
        )
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if coding == _EXTENSIBLE and chunk[26:40] == _GUID:
        coding = int.from_bytes(chunk[24:26], "little")
    if coding != _PCM:
        found = _CODINGS.get(coding, f"coding {coding:#06x}")
        raise DataError(f"{place}: expected a RIFF file of PCM sound, got {found}; {CONVERT}")
    return channels, rate, bits
