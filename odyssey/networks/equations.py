"""The study's equations in float64 NumPy, forward and backward, in the paper's letters.

Source: Greff et al., section II (forward pass) and II-B (gradients), with the variants of section
IV-C. It is the oracle that every fast implementation is held against; nothing but tests
and benchmarks calls it. Back-propagation through time is full: nothing is truncated or cut.

Shapes: T time, B batch, D inputs, H blocks, K outputs; x is (T, B, D), activations are (T, B, H).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import LSTMVariant

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]


@dataclass(frozen=True)
class Activations:
    """What one direction computed, each (T, B, H); absent gates are all ones."""

    z: Array
    i: Array
    f: Array
    o: Array
    c: Array
    h: Array
    y: Array


def sigmoid(a: Array) -> Array:
    """Return the logistic function without overflow."""
    value: Array = 0.5 * (1 + np.tanh(0.5 * a))
    return value


def layer_forward(variant: LSTMVariant, parameters: Parameters, x: Array) -> Activations:
    """Run one direction over x (T, B, D), in the order of its first axis."""
    T, B, _ = x.shape
    H = parameters["R"].shape[1]
    z, i, f, o, c, h, y = (np.ones((T, B, H)) for _ in range(7))
    gate = {"i": i, "f": f, "o": o}
    y_prev, c_prev = np.zeros((B, H)), np.zeros((B, H))
    previous = {name: np.zeros((B, H)) for name in variant.gates}
    p = _blocks(parameters.get("p"), variant.gates, H)
    for t in range(T):
        a = x[t] @ parameters["W"].T + y_prev @ parameters["R"].T + parameters["b"]
        a_z = a[:, :H]
        a_gate = {name: a[:, (k + 1) * H : (k + 2) * H] for k, name in enumerate(variant.gates)}
        if variant.gate_recurrence:
            stacked = np.concatenate([previous[name] for name in variant.gates], axis=1)
            recurrent = stacked @ parameters["Q"].T
            for k, name in enumerate(variant.gates):
                a_gate[name] = a_gate[name] + recurrent[:, k * H : (k + 1) * H]
        z[t] = np.tanh(a_z) if variant.input_activation else a_z
        for name in variant.gates:
            if name != "o":
                gate[name][t] = sigmoid(a_gate[name] + p[name] * c_prev)
        if variant.coupled_gates:
            f[t] = 1 - i[t]
        c[t] = z[t] * i[t] + c_prev * f[t]
        if variant.output_gate:
            o[t] = sigmoid(a_gate["o"] + p["o"] * c[t])
        h[t] = np.tanh(c[t]) if variant.output_activation else c[t]
        y[t] = h[t] * o[t]
        y_prev, c_prev = y[t], c[t]
        previous = {name: gate[name][t] for name in variant.gates}
    return Activations(z, i, f, o, c, h, y)


def layer_backward(
    variant: LSTMVariant, parameters: Parameters, x: Array, act: Activations, dy: Array
) -> tuple[dict[str, Array], Array]:
    """Return the gradients of one direction's parameters and of x, given dy (T, B, H)."""
    T, B, H = dy.shape
    zero = np.zeros((B, H))
    p = _blocks(parameters.get("p"), variant.gates, H)
    grad = {name: np.zeros_like(value) for name, value in parameters.items()}
    dp = _blocks(grad.get("p"), variant.gates, H)
    dx = np.zeros_like(x)
    da_next = np.zeros((B, len(variant.blocks) * H))
    dc_next = zero
    for t in reversed(range(T)):
        first = t == 0
        c_prev = zero if first else act.c[t - 1]
        y_prev = zero if first else act.y[t - 1]
        dy_t = dy[t] + da_next @ parameters["R"]
        dgate = dict.fromkeys(variant.gates, zero)
        if variant.gate_recurrence:
            back = da_next[:, H:] @ parameters["Q"]
            dgate = {name: back[:, k * H : (k + 1) * H] for k, name in enumerate(variant.gates)}
        da: dict[str, Array] = {}
        dc = dc_next + dy_t * act.o[t] * (1 - act.h[t] ** 2 if variant.output_activation else 1)
        if variant.output_gate:
            da["o"] = _through_sigmoid(dgate["o"] + dy_t * act.h[t], act.o[t])
            dc = dc + p["o"] * da["o"]
            dp["o"] += (da["o"] * act.c[t]).sum(0)
        dz = dc * act.i[t]
        da["z"] = dz * (1 - act.z[t] ** 2) if variant.input_activation else dz
        dc_next = dc * act.f[t]
        di = dc * (act.z[t] - c_prev) if variant.coupled_gates else dc * act.z[t]
        for name, d in (("i", di), ("f", dc * c_prev)):
            if name in variant.gates:
                da[name] = _through_sigmoid(dgate[name] + d, getattr(act, name)[t])
                dc_next = dc_next + p[name] * da[name]
                dp[name] += (da[name] * c_prev).sum(0)
        da_t = np.concatenate([da[name] for name in variant.blocks], axis=1)
        grad["W"] += da_t.T @ x[t]
        grad["R"] += da_t.T @ y_prev
        grad["b"] += da_t.sum(0)
        if variant.gate_recurrence and not first:
            gates_prev = [getattr(act, name)[t - 1] for name in variant.gates]
            grad["Q"] += da_t[:, H:].T @ np.concatenate(gates_prev, axis=1)
        dx[t] = da_t @ parameters["W"]
        da_next = da_t
    return grad, dx


def network_forward(spec: NetworkSpec, parameters: Parameters, x: Array) -> Array:
    """Return the output layer's activations before softmax or sigmoid, (T, B, K)."""
    return _network_forward(spec, parameters, x)[0]


def network_backward(
    spec: NetworkSpec, parameters: Parameters, x: Array, d_output: Array
) -> tuple[dict[str, Array], Array]:
    """Return the gradients of all parameters and of x, given d_output (T, B, K)."""
    _, y, runs = _network_forward(spec, parameters, x)
    gradients: dict[str, Array] = {}
    dy = d_output @ parameters["output.W"]
    dx = np.zeros_like(x)
    for k, side in enumerate(spec.directions):
        order = _order(side)
        dy_side = dy[order, :, k * spec.hidden : (k + 1) * spec.hidden]
        own, dx_side = layer_backward(
            spec.variant, _side(parameters, side), x[order], runs[side], dy_side
        )
        gradients |= {f"{side}.{name}": value for name, value in own.items()}
        dx += dx_side[order]
    gradients["output.W"] = np.einsum("tbk,tbh->kh", d_output, y)
    gradients["output.b"] = d_output.sum((0, 1))
    return gradients, dx


def _network_forward(
    spec: NetworkSpec, parameters: Parameters, x: Array
) -> tuple[Array, Array, dict[str, Activations]]:
    runs = {
        side: layer_forward(spec.variant, _side(parameters, side), x[_order(side)])
        for side in spec.directions
    }
    y = np.concatenate([runs[side].y[_order(side)] for side in spec.directions], axis=-1)
    return y @ parameters["output.W"].T + parameters["output.b"], y, runs


def _order(side: str) -> slice:
    return slice(None, None, -1 if side == "backward" else 1)


def _side(parameters: Parameters, side: str) -> dict[str, Array]:
    prefix = f"{side}."
    return {
        name.removeprefix(prefix): value
        for name, value in parameters.items()
        if name.startswith(prefix)
    }


def _through_sigmoid(d: Array, value: Array) -> Array:
    return d * value * (1 - value)


def _blocks(stacked: Array | None, names: tuple[str, ...], H: int) -> dict[str, Array]:
    """Split a stacked vector into views of one block a name; zeros where there is none."""
    if stacked is None:
        return {name: np.zeros(H) for name in names}
    return {name: stacked[k * H : (k + 1) * H] for k, name in enumerate(names)}
