"""A speaker of eSpeak NG in a process of its own: texts in, sound and phones out. Stdlib only.

``python -m odyssey.tasks.readers.espeak VOICE RATE PITCH RANGE`` reads one text per line and
writes, for each, a line of JSON (``bytes`` of sound, ``rate`` in Hz, ``phones`` as [first sample,
name]) and the sound, 16 bits per sample. The synthesiser keeps state between texts: only a process
of its own gives a speaker the same sound every time.
"""

import ctypes
import json
import sys
from typing import BinaryIO

import espeakng_loader  # type: ignore[import-untyped]

_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_END_OF_LIST, _PHONEME = 0, 7
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def speak(texts: list[str], voice: str, out: BinaryIO, **parameters: int) -> None:
    """Speak every text; ``parameters`` are rate (words a minute), pitch and range (0..100)."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEME_EVENTS)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # of breath; else it is the time of day
    sound, phones = bytearray(), []

    @_Callback  # type: ignore[untyped-decorator]
    def collect(
        samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        if count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        k = 0
        while events[k].type != _END_OF_LIST:
            if events[k].type == _PHONEME:
                phones.append((events[k].sample, events[k].name.decode()))
            k += 1
        return 0

    library.espeak_SetSynthCallback(collect)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
        raise SystemExit(f"eSpeak NG has no voice {voice!r}")
    for name, value in parameters.items():
        library.espeak_SetParameter(_PARAMETERS[name], value, 0)
    for text in texts:
        sound.clear()
        phones.clear()
        content = text.encode()
        library.espeak_Synth(content, len(content) + 1, 0, 1, 0, _UTF8, None, None)
        header = {"bytes": len(sound), "rate": rate, "phones": phones}
        out.write(json.dumps(header).encode() + b"\n" + sound)


if __name__ == "__main__":
    voice, rate, pitch, range_ = sys.argv[1:]
    texts = sys.stdin.read().splitlines()
    speak(texts, voice, sys.stdout.buffer, rate=int(rate), pitch=int(pitch), range=int(range_))
