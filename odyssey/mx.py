"""The one module that imports MXNet; everyone else says ``from odyssey.mx import mx``.

MXNet 1.9.1 was written for an older NumPy and asks for ``np.bool``. A trial is one single-threaded
process, so MXNet's own thread pools are held to one thread unless the environment says otherwise.
"""

import os
import warnings

import numpy as np

for _pool in ("OMP_NUM_THREADS", "MXNET_CPU_WORKER_NTHREADS", "MXNET_MP_WORKER_NTHREADS"):
    os.environ.setdefault(_pool, "1")

setattr(np, "bool", np.bool_)  # noqa: B010

with warnings.catch_warnings():  # names that NumPy deprecated; nothing of ours
    warnings.simplefilter("ignore")
    import mxnet as mx

# Its test for SciPy matrices asks a deprecated name, with a warning for every new array.
mx.nd.utils.spsp = None

__all__ = ["mx"]
