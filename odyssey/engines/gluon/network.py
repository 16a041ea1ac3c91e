"""The study's networks as hybridized Gluon blocks.

The recurrent layer is one step function that reads the variant's row, looped by
``contrib.foreach``, so that one hybridized graph serves every length.
"""

from collections.abc import Mapping
from typing import Any

from odyssey.engines.mx import mx
from odyssey.networks.spec import Kernels, NetworkSpec


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
                setattr(self, identifier(name), self.params.get(identifier(name), shape=shape))

    def hybrid_forward(self, F: Any, x: Any, **parameters: Any) -> Any:
        """Run the recurrent layers and the output layer."""
        named = {name: parameters[identifier(name)] for name in self._spec.parameter_shapes()}
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


def identifier(name: str) -> str:
    """Return a parameter's name as Gluon takes it: ``_`` for the dot."""
    return name.replace(".", "_")
