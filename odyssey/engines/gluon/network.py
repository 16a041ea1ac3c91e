"""The study's networks as hybridized Gluon blocks.

The recurrent layer is the cell's own step, looped by ``contrib.foreach``, so that one hybridized
graph serves every length.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from odyssey.engines.mx import mx
from odyssey.networks.spec import Kernels, NetworkSpec


class Network(mx.gluon.HybridBlock):  # type: ignore[misc]
    """x (T, B, D) → activations (T, B, K) of the output layer, before softmax or sigmoid.

    A mask (T, B, directions·H), if there is one, multiplies what the output layer sees.
    Parameters are called as in ``NetworkSpec.parameter_shapes``, with ``_`` for the dot; ``params``
    are those of another network that it shares.
    """

    def __init__(self, spec: NetworkSpec, layer: Kernels = "gluon", params: Any = None) -> None:
        super().__init__(prefix="", params=params)
        self._spec = spec
        self._layer = fused_layer if layer == "fused" else plain_layer
        with self.name_scope():
            for name, shape in spec.parameter_shapes().items():
                setattr(self, identifier(name), self.params.get(identifier(name), shape=shape))

    def hybrid_forward(self, F: Any, x: Any, *masks: Any, **parameters: Any) -> Any:
        """Run the recurrent layers and the output layer."""
        named = {name: parameters[identifier(name)] for name in self._spec.parameter_shapes()}
        y = self._layer(F, self._spec, x, named)
        for mask in masks:
            y = y * mask
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
    """Loop the cell over x (T, B, D); the input's share of all frames is one product."""
    cell, H = spec.variant, spec.hidden
    width = len(cell.blocks) * H
    a = F.FullyConnected(x, parameters["W"], parameters["b"], num_hidden=width, flatten=False)
    start = F.squeeze(F.slice(a, begin=(0, None, 0), end=(1, None, H)), axis=0)
    zeros = [F.zeros_like(start) for _ in cell.state]
    ops = GluonOps(F, H)
    outputs, _ = F.contrib.foreach(
        lambda a_t, state: cell.step(ops, a_t, state, parameters), a, zeros
    )
    return outputs


class GluonOps:
    """``Ops`` of MXNet's arrays or symbols, whichever F makes."""

    def __init__(self, F: Any, hidden: int) -> None:
        self._F, self._hidden = F, hidden
        self.sigmoid, self.tanh, self.relu, self.exp = F.sigmoid, F.tanh, F.relu, F.exp

    def product(self, x: Any, weights: Any, blocks: int) -> Any:
        """Return x times the transposed weights."""
        width = blocks * self._hidden
        return self._F.FullyConnected(x, weights, num_hidden=width, no_bias=True)

    def split(self, a: Any, blocks: int) -> list[Any]:
        """Return slices of the last axis."""
        cuts = [k * self._hidden for k in range(blocks + 1)]
        return [
            self._F.slice_axis(a, axis=-1, begin=begin, end=end) for begin, end in pairwise(cuts)
        ]

    def join(self, parts: Sequence[Any]) -> Any:
        """Return arrays side by side."""
        return self._F.concat(*parts, dim=1)

    def times(self, a: Any, vector: Any) -> Any:
        """Return every row times a vector."""
        return self._F.broadcast_mul(vector.reshape((1, -1)), a)

    def plus(self, a: Any, vector: Any) -> Any:
        """Return every row plus a vector."""
        return self._F.broadcast_add(a, vector.reshape((1, -1)))


def identifier(name: str) -> str:
    """Return a parameter's name as Gluon takes it: ``_`` for the dot."""
    return name.replace(".", "_")
