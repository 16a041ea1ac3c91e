"""A training step through autograd, then MXNet's own operators for the update rules.

A loss that has no form in MXNet's operators is computed in NumPy between network and gradients.

The fused operators of ``odyssey.engines.fused`` compute the same numbers some hundred times faster.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.gluon.losses import FORMS, NetworkLoss
from odyssey.engines.gluon.network import Network, identifier
from odyssey.engines.gluon.rules import update
from odyssey.engines.mx import mx
from odyssey.engines.noise import Noise
from odyssey.engines.outside import value_and_gradient
from odyssey.engines.sequences import check_sequence
from odyssey.engines.training import FloatArray, Split
from odyssey.losses import get_loss
from odyssey.networks.spec import Kernels, NetworkSpec, UpdateRule


class GluonModel:
    """A network trained through autograd; implements ``training.Model`` with a batch of one."""

    run_length = evaluation_length = 1

    def __init__(
        self,
        spec: NetworkSpec,
        rule: UpdateRule,
        layer: Kernels = "gluon",
        context: Any = None,
        mx_loss: bool = True,
    ) -> None:
        self.spec, self._rule, self._loss = spec, rule, get_loss(spec.loss)
        self._context = context or mx.cpu()
        self._network = Network(spec, layer)
        self._network.initialize(mx.init.Zero(), ctx=self._context)
        # A hybridized block always takes as many inputs as at first: that with a mask is another.
        self._dropping = Network(spec, layer, self._network.params)
        for network in (self._network, self._dropping):
            network.hybridize(static_alloc=False)
        self._form = NetworkLoss(spec.loss) if mx_loss and spec.loss in FORMS else None
        if self._form:
            self._form.hybridize(static_alloc=False)
        block = self._network.collect_params()
        self._parameters = {name: block[identifier(name)] for name in spec.parameter_shapes()}
        self._updates, self._width = 0, len(spec.directions) * spec.hidden
        self._state = {
            name: {n: mx.nd.zeros(p.shape, ctx=self._context) for n, p in self._parameters.items()}
            for name in rule.state
        }

    def get_parameters(self) -> dict[str, FloatArray]:
        """Return copies of all parameters."""
        return {name: p.data().asnumpy() for name, p in self._parameters.items()}

    def set_parameters(self, values: Mapping[str, FloatArray]) -> None:
        """Replace all parameters."""
        for name, parameter in self._parameters.items():
            if np.shape(values[name]) != parameter.shape:
                raise ValueError(
                    f"{name} must have the shape {parameter.shape}, got {np.shape(values[name])}"
                )
            parameter.set_data(mx.nd.array(values[name], dtype="float32"))

    def get_state(self) -> dict[str, Any]:
        """Return copies of what the rule goes on from; see ``training.Model``."""
        arrays = {
            name: {n: value.asnumpy() for n, value in own.items()}
            for name, own in self._state.items()
        }
        return arrays | ({"updates": self._updates} if self._rule.counts else {})

    def set_state(self, values: Mapping[str, Any]) -> None:
        """Replace that."""
        for name, own in self._state.items():
            for n, array in own.items():
                array[:] = mx.nd.array(values[name][n], dtype="float32")
        self._updates = int(values["updates"]) if self._rule.counts else 0

    def train_run(self, split: Split, indices: Sequence[int], noise: Noise) -> Iterator[float]:
        """Update on some sequences, return their losses; see ``training.Model``."""
        going = True
        for k, n in enumerate(indices):
            loss = self.train_step(*split[n], noise.later(k)) if going else math.nan
            going = math.isfinite(loss)
            yield loss

    def evaluate_run(
        self, split: Split, indices: Sequence[int]
    ) -> Iterator[tuple[float, FloatArray]]:
        """Return loss and activations of some sequences; see ``training.Model``."""
        return (self.evaluate(*split[n]) for n in indices)

    def train_step(self, x: FloatArray, y: NDArray[Any], noise: Noise | None = None) -> float:
        """Update once on one sequence, x (T, D) and targets y; return its loss before that."""
        check_sequence(self.spec, x, y)
        if self._loss.refusal(y, len(x)):
            return math.inf
        x_mx = self._to_mx((noise.added_to(x) if noise else x)[:, None])
        mask = noise.mask(len(x), self._width) if noise else None
        masks = [] if mask is None else [self._to_mx(mask[:, None])]
        network = self._dropping if masks else self._network
        with mx.autograd.record():
            a = network(x_mx, *masks)
            loss = self._form(a, self._to_mx(y)) if self._form and len(y) else None
        if loss is not None:
            loss.backward()
            value = float(loss.asscalar())
        else:
            value, gradient = value_and_gradient(self._loss, a.asnumpy()[:, 0], y)
            a.backward(self._to_mx(gradient[:, None]))
        if np.isfinite(value):
            self._update()
        return value

    def evaluate(self, x: FloatArray, y: NDArray[Any]) -> tuple[float, FloatArray]:
        """Return one sequence's loss and activations (T, K).

        Labels that T frames cannot hold have the loss inf.
        """
        check_sequence(self.spec, x, y)
        a = self._network(self._to_mx(x[:, None]))
        activations: FloatArray = a.asnumpy()[:, 0]
        # MXNet's CTC refuses labels that are longer, and finds others that do not fit certain.
        if self._loss.refusal(y, len(x)):
            return math.inf, activations
        if self._form and len(y):  # MXNet has no empty arrays
            return float(self._form(a, self._to_mx(y)).asscalar()), activations
        return value_and_gradient(self._loss, activations, y)[0], activations

    def _to_mx(self, values: NDArray[Any]) -> Any:
        return mx.nd.array(values, dtype="float32", ctx=self._context)

    def _update(self) -> None:
        self._updates += 1
        for name, parameter in self._parameters.items():
            state = [own[name] for own in self._state.values()]
            update(self._rule, parameter.data(), state, parameter.grad(), self._updates)
