"""On PYTHONPATH, with BRAKE a file: trials dawdle after every sequence while that file is there.

So a failure meets its trial in training, however fast or busy the machine is. A trial whose number
the file holds takes a lot of memory. Only processes that train trials are touched, no result is.
"""

import os
import sys
import time
from pathlib import Path

DAWDLE_SECONDS = 0.3
GLUTTONY = 5 << 29  # bytes: more than a first attempt may take, less than a second
_eaten = []


def brake(renew, file):
    """Return renew, which training calls after every run of one sequence, with the brake on it."""

    def dawdle(lease):
        renew(lease)
        if not file.exists():
            return
        if not _eaten and file.read_text() == lease._path.stem:
            _eaten.append(b"\1" * GLUTTONY)
        time.sleep(DAWDLE_SECONDS)

    return dawdle


if "--multiprocessing-fork" in sys.orig_argv and "BRAKE" in os.environ:
    # MXNet is loaded here already, and its threads spin where cores are few.
    os.environ["OMP_NUM_THREADS"] = "1"
    from odyssey.engines.fused import model
    from odyssey.storage.lease import Lease

    model.RUN = 1
    Lease.renew = brake(Lease.renew, Path(os.environ["BRAKE"]))
