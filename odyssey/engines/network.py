"""The study's networks as hybridized Gluon blocks, and the update rule around them.

``GluonModel`` is the readable form of a training step: autograd through Gluon, then MXNet's own
momentum updates. Its recurrent layer is one step function that reads the variant's row, looped by
``contrib.foreach``, so that one hybridized graph serves every length. The fused operators of
``odyssey.engines.fused`` compute the same numbers some hundred times faster; ``new_model`` chooses.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from odyssey.engines.mx import mx
from odyssey.engines.noise import Noise
from odyssey.engines.training import FloatArray, Model, Split
from odyssey.losses import get_loss
from odyssey.networks.spec import Device, Kernels, NetworkSpec, UpdateRule


def new_model(
    spec: NetworkSpec, rule: UpdateRule, chosen: Kernels = "fused", device: Device = "cpu"
) -> Model:
    """Return a network with its update rule: on the fused kernels or on plain Gluon.

    Raises KernelError or GpuError where the kernels can't be built or can't run.
    """
    if device == "gpu":
        return _on_gpu(spec, rule, chosen)
    if chosen == "gluon":
        return GluonModel(spec, rule)
    from odyssey.engines.fused.model import FusedModel

    return FusedModel(spec, rule)


def kernels_here(chosen: Kernels, device: Device = "cpu") -> str:
    """Return what computes on this processor, for the record: the same bits have the same name."""
    if device == "gpu":
        from odyssey.engines.gpu.device import require

        return f"{chosen}, {require(chosen).name}"
    if chosen == "gluon":
        return chosen
    from odyssey.engines.fused.loader import instruction_set

    return f"{chosen}, {instruction_set()}"


def _on_gpu(spec: NetworkSpec, rule: UpdateRule, chosen: Kernels) -> Model:
    from odyssey.engines.gpu.device import fleet_of, require
    from odyssey.engines.gpu.model import GpuModel

    if chosen == "fused":
        return GpuModel(spec, rule, fleet_of(spec))
    require("gluon")
    return GluonModel(spec, rule, context=mx.gpu())


class Network(mx.gluon.HybridBlock):  # type: ignore[misc]
    """x (T, B, D) → activations (T, B, K) of the output layer, before softmax or sigmoid.

    Parameters are called as in ``NetworkSpec.parameter_shapes``, with ``_`` for the dot.
    """

    def __init__(self, spec: NetworkSpec, layer: Kernels = "gluon") -> None:
        super().__init__(prefix="")
        self._spec = spec
        self._layer = fused_layer if layer == "fused" else plain_layer
        with self.name_scope():
            for name, shape in spec.parameter_shapes().items():
                setattr(self, _identifier(name), self.params.get(_identifier(name), shape=shape))

    def hybrid_forward(self, F: Any, x: Any, **parameters: Any) -> Any:
        """Run the recurrent layers and the output layer."""
        named = {name: parameters[_identifier(name)] for name in self._spec.parameter_shapes()}
        y = self._layer(F, self._spec, x, named)
        return F.FullyConnected(
            y, named["output.W"], named["output.b"], num_hidden=self._spec.outputs, flatten=False
        )


def fused_layer(F: Any, spec: NetworkSpec, x: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the recurrent layers' outputs (T, B, directions·H), by the fused operator."""
    from odyssey.engines.fused.layer import fused_layer as operator

    return operator(F, spec, x, parameters)


def plain_layer(F: Any, spec: NetworkSpec, x: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the recurrent layers' outputs (T, B, directions·H), by plain operators."""
    outputs = []
    for side in spec.directions:
        own = {
            name.removeprefix(f"{side}."): value
            for name, value in parameters.items()
            if name.startswith(f"{side}.")
        }
        if side == "backward":
            outputs.append(F.reverse(_direction(F, spec, F.reverse(x, axis=0), own), axis=0))
        else:
            outputs.append(_direction(F, spec, x, own))
    return F.concat(*outputs, dim=2) if len(outputs) > 1 else outputs[0]


def _direction(F: Any, spec: NetworkSpec, x: Any, parameters: Mapping[str, Any]) -> Any:
    """Loop the block over x (T, B, D); the input's share of all steps is one product."""
    v, H = spec.variant, spec.hidden
    width = len(v.blocks) * H
    a = F.FullyConnected(x, parameters["W"], parameters["b"], num_hidden=width, flatten=False)
    start = F.squeeze(F.slice(a, begin=(0, None, 0), end=(1, None, H)), axis=0)
    p = _split(F, parameters.get("p"), v.gates, H)
    one: Any = 1.0  # an absent gate

    def step(a_t: Any, state: list[Any]) -> tuple[Any, list[Any]]:
        y, c, *gates = state
        a_t = a_t + F.FullyConnected(y, parameters["R"], num_hidden=width, no_bias=True)
        block = _split(F, a_t, v.blocks, H)
        if v.gate_recurrence:
            across = F.FullyConnected(
                F.concat(*gates, dim=1), parameters["Q"], num_hidden=width - H, no_bias=True
            )
            for gate, part in _split(F, across, v.gates, H).items():
                block[gate] = block[gate] + part

        def opened(gate: str, cell: Any) -> Any:
            peep = F.broadcast_mul(p[gate].reshape((1, -1)), cell) if p else 0
            return F.sigmoid(block[gate] + peep)

        i = opened("i", c) if v.input_gate else one
        f = opened("f", c) if "f" in v.gates else 1 - i if v.coupled_gates else one
        z = F.tanh(block["z"]) if v.input_activation else block["z"]
        c = z * i + c * f
        o = opened("o", c) if v.output_gate else one
        y = (F.tanh(c) if v.output_activation else c) * o
        opening = {"i": i, "f": f, "o": o}
        return y, [y, c, *(opening[name] for name in gates_kept)]

    gates_kept = v.gates if v.gate_recurrence else ()
    zeros = [F.zeros_like(start) for _ in ("y", "c", *gates_kept)]
    outputs, _ = F.contrib.foreach(step, a, zeros)
    return outputs


def _split(F: Any, stacked: Any, names: tuple[str, ...], H: int) -> dict[str, Any]:
    """Cut the last axis into one block of H a name; nothing where there is nothing."""
    if stacked is None:
        return {}
    return {
        name: F.slice_axis(stacked, axis=-1, begin=k * H, end=(k + 1) * H)
        for k, name in enumerate(names)
    }


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
        self._parameters = {name: block[_identifier(name)] for name in spec.parameter_shapes()}
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


def _identifier(name: str) -> str:
    return name.replace(".", "_")
