"""The losses in MXNet's operators, for those that have such a form."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from odyssey.engines.mx import mx


def _softmax(F: Any, a: Any, y: Any) -> Any:
    label = F.expand_dims(y, 1)
    own = F.pick(F.log_softmax(a, axis=-1), F.maximum(label, 0), axis=-1)
    return -F.sum(own * (label >= 0))


def _bernoulli(F: Any, a: Any, y: Any) -> Any:
    d = F.expand_dims(y, 1)
    return F.sum(F.relu(a) - a * d + F.log1p(F.exp(-F.abs(a))))


def _squared(F: Any, a: Any, y: Any) -> Any:
    return 0.5 * F.sum(F.square(a - F.expand_dims(y, 1)))


def _ctc(F: Any, a: Any, y: Any) -> Any:
    return F.ctc_loss(a, F.expand_dims(y, 0), blank_label="last")


#: Name of a loss → function of F, activations (T, 1, K) and targets. The others are in NumPy.
FORMS: Mapping[str, Callable[[Any, Any, Any], Any]] = MappingProxyType(
    {"softmax": _softmax, "bernoulli": _bernoulli, "ctc": _ctc, "squared": _squared}
)


class NetworkLoss(mx.gluon.HybridBlock):  # type: ignore[misc]
    """Activations (T, 1, K) and targets → the sequence's loss in nats, summed over its frames."""

    def __init__(self, loss: str) -> None:
        super().__init__(prefix="")
        self._form = FORMS[loss]

    def hybrid_forward(self, F: Any, a: Any, y: Any) -> Any:
        """Return the loss, shape (1,)."""
        return self._form(F, a, y)
