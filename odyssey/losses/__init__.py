"""What can be minimised: one file for each loss, and nobody else asks which one it is.

A loss of one's own is a subclass of ``Loss`` in NumPy, registered by an extension. It then trains
on every engine. An engine may hold a faster form of a loss, found by the loss's name and tested
against the NumPy one. Only the standard library is imported here: .smk files read task rows.
"""

from odyssey.losses.bernoulli import Bernoulli
from odyssey.losses.ctc import Ctc
from odyssey.losses.loss import Loss, Targets
from odyssey.losses.softmax import Softmax
from odyssey.losses.squared import Squared
from odyssey.registry import Registry

#: Name → loss.
LOSSES: Registry[Loss] = Registry("loss")


def register(loss: Loss) -> Loss:
    """Add a loss and return it. Raises ValueError for a name that is taken or no word."""
    return LOSSES.add(loss.name, loss)


def get_loss(name: str) -> Loss:
    """Return the loss of a name. Raises ValueError, which lists the legal names, for any other."""
    return LOSSES.find(name)


for _loss in (Softmax(), Ctc(), Bernoulli(), Squared()):
    register(_loss)

__all__ = ["LOSSES", "Loss", "Targets", "get_loss", "register"]
