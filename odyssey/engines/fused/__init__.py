"""The fused operators: a C++ library of the recurrent layer, the losses and a whole training step.

``build`` makes it, ahead of the jobs; ``FusedModel`` of ``model`` trains with it, and
``fused_layer`` of ``layer`` puts the recurrent layer into a Gluon block. Nothing of MXNet is
imported before one of those two is.
"""

from odyssey.engines.fused.build import build, is_missing
from odyssey.engines.fused.instructions import KernelError, forced_set
from odyssey.engines.fused.library import find, is_outdated

__all__ = ["KernelError", "build", "find", "forced_set", "is_missing", "is_outdated"]
