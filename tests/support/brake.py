"""An extension: trials dawdle after every sequence while the file in the variable BRAKE is there.

So a failure meets its trial in training, however fast or busy the machine is. A trial whose number
the file holds takes a lot of memory. No result is touched.
"""

import os
import time
from pathlib import Path

from odyssey.runs.observer import Observer, register

DAWDLE_SECONDS = 0.3
GLUTTONY = 5 << 29  # bytes: more than a first attempt may take, less than a second


class Brake(Observer):
    def __init__(self, file):
        self._file, self._eaten = file, b""

    def ran(self, spec, state):
        if not self._file.exists():
            return
        if not self._eaten and self._file.read_text(encoding="utf-8") == str(spec.trial):
            self._eaten = b"\1" * GLUTTONY
        time.sleep(DAWDLE_SECONDS)


if "BRAKE" in os.environ:
    register("brake", Brake(Path(os.environ["BRAKE"])))
