"""The one module that imports MXNet; everyone else says ``from odyssey.mx import mx``.

MXNet 1.9.1 was written for an older NumPy and asks for ``np.bool``. A trial is one single-threaded
process, so MXNet's own thread pools are held to one thread, and its engine is the one that computes
where it is called: handing a step to another thread costs up to twice a small step. The environment
may say otherwise.
"""

import contextlib
import os
import warnings
from collections.abc import Iterator

import numpy as np

for _pool in ("OMP_NUM_THREADS", "MXNET_CPU_WORKER_NTHREADS", "MXNET_MP_WORKER_NTHREADS"):
    os.environ.setdefault(_pool, "1")
os.environ.setdefault("MXNET_ENGINE_TYPE", "NaiveEngine")

setattr(np, "bool", np.bool_)  # noqa: B010


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what MXNet says of its engine at every start off standard error."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _silent(), warnings.catch_warnings():  # of names that NumPy deprecated; nothing of ours
    warnings.simplefilter("ignore")
    import mxnet as mx

    mx.nd.waitall()  # starts the engine

# Its test for SciPy matrices asks a deprecated name, with a warning for every new array.
mx.nd.utils.spsp = None

__all__ = ["mx"]
