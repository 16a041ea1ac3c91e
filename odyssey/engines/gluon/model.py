"""A training step through autograd, then MXNet's own momentum updates.

The fused operators of ``odyssey.engines.fused`` compute the same numbers some hundred times faster.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gluon.losses import NetworkLoss
from odyssey.engines.gluon.network import Network, identifier
from odyssey.engines.mx import mx
from odyssey.engines.noise import Noise
from odyssey.engines.training import FloatArray, Split
from odyssey.losses import get_loss
from odyssey.networks.spec import Kernels, NetworkSpec, UpdateRule


class GluonModel:
    """A network trained through autograd; implements ``training.Model`` with a batch of one."""

    run_length = 1

    def __init__(
        self, spec: NetworkSpec, rule: UpdateRule, layer: Kernels = "gluon", context: Any = None
    ) -> None:
        self._spec, self._rule = spec, rule
        self._context = context or mx.cpu()
        self._network = Network(spec, layer)
        self._network.initialize(mx.init.Zero(), ctx=self._context)
        self._network.hybridize(static_alloc=False)
        self._loss = NetworkLoss(spec)
        self._loss.hybridize(static_alloc=False)
        block = self._network.collect_params()
        self._parameters = {name: block[identifier(name)] for name in spec.parameter_shapes()}
        self._velocity = {
            name: mx.nd.zeros(shape, ctx=self._context)
            for name, shape in spec.parameter_shapes().items()
        }

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""
        return {name: p.data().asnumpy() for name, p in self._parameters.items()}

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""
        for name, parameter in self._parameters.items():
            parameter.set_data(mx.nd.array(values[name], dtype="float32"))

    def get_velocity(self) -> dict[str, FloatArray]:
        """Return copies of the momentum terms."""
        return {name: v.asnumpy() for name, v in self._velocity.items()}

    def set_velocity(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all momentum terms."""
        for name, v in self._velocity.items():
            v[:] = mx.nd.array(values[name], dtype="float32")

    def train_run(self, split: Split, indices: Sequence[int], noise: Noise) -> Iterator[float]:
        """Update on some sequences, return their losses; see ``training.Model``."""
        return (self.train_step(*split[n], noise.later(k)) for k, n in enumerate(indices))

    def evaluate_run(
        self, split: Split, indices: Sequence[int]
    ) -> Iterator[tuple[float, FloatArray]]:
        """Return loss and activations of some sequences; see ``training.Model``."""
        return (self.evaluate(*split[n]) for n in indices)

    def train_step(self, x: FloatArray, y: NDArray[Any], noise: Noise | None = None) -> float:
        """Update once on one sequence, x (T, D) and targets y; return its loss before that."""
        x_mx, y_mx = self._to_mx(noise.added_to(x) if noise else x, y)
        with mx.autograd.record():
            loss = self._loss(self._network(x_mx), y_mx)
        loss.backward()
        value = float(loss.asscalar())
        if np.isfinite(value):
            self._update()
        return value

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return one sequence's loss and activations (T, K).

        Labels that T frames cannot hold have the loss inf.
        """
        x_mx, y_mx = self._to_mx(x, y)
        a = self._network(x_mx)
        holds = not get_loss(self._spec.loss).refusal(y, len(x))
        # MXNet's CTC refuses labels that are longer, and finds others that do not fit certain.
        loss = float(self._loss(a, y_mx).asscalar()) if holds else math.inf
        return loss, a.asnumpy()[:, 0]

    def _to_mx(self, x: FloatArray, y: NDArray[Any]) -> tuple[Any, Any]:
        options = {"dtype": "float32", "ctx": self._context}
        return mx.nd.array(x[:, None], **options), mx.nd.array(y, **options)

    def _update(self) -> None:
        rule = self._rule
        update = mx.nd.nag_mom_update if rule.nesterov else mx.nd.sgd_mom_update
        options = {"clip_gradient": 1.0} if rule.clip else {}
        for name, parameter in self._parameters.items():
            update(
                parameter.data(),
                parameter.grad(),
                self._velocity[name],
                out=parameter.data(),
                lr=rule.step,
                momentum=rule.momentum,
                wd=0.0,
                **options,
            )
