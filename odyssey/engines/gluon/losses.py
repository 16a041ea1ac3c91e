"""The losses in MXNet's operators."""

from typing import Any

from odyssey.engines.mx import mx
from odyssey.networks.spec import NetworkSpec


class NetworkLoss(mx.gluon.HybridBlock):  # type: ignore[misc]
    """Activations (T, 1, K) and targets → the sequence's loss in nats, summed over its frames."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(prefix="")
        self._loss = spec.loss

    def hybrid_forward(self, F: Any, a: Any, y: Any) -> Any:
        """Return the loss, shape (1,)."""
        if self._loss == "softmax":
            return -F.sum(F.pick(F.log_softmax(a, axis=-1), F.expand_dims(y, 1), axis=-1))
        if self._loss == "bernoulli":
            d = F.expand_dims(y, 1)
            return F.sum(F.relu(a) - a * d + F.log1p(F.exp(-F.abs(a))))
        return F.ctc_loss(a, F.expand_dims(y, 0), blank_label="last")
