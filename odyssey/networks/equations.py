"""The study's networks in float64 NumPy: forward by each cell's own step, backward by hand.

Source of the LSTM's gradients: Greff et al., section II-B, in the paper's letters, with the
variants of section IV-C. It is the oracle that every fast implementation is held against; nothing
but tests and benchmarks calls it. Back-propagation through time is full: nothing is truncated or
cut.

Shapes: T time, B batch, D inputs, H blocks, K outputs; x is (T, B, D), activations are (T, B, H).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from odyssey.networks.cells import Cell
from odyssey.networks.gru import GRU
from odyssey.networks.numpy_ops import NumpyOps
from odyssey.networks.rnn import RNN
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import LSTMVariant, lstm_of

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


def cell_forward(cell: Cell, parameters: Parameters, x: Array) -> Array:
    """Return the outputs (T, B, H) of one direction of any cell over x (T, B, D)."""
    outputs = []
    a = x @ parameters["W"].T + parameters["b"]
    state = [np.zeros(_units(cell, a)) for _ in cell.state]
    for a_t in a:
        y, state = cell.step(NumpyOps(), a_t, state, parameters)
        outputs.append(y)
    return np.stack(outputs)


def layer_forward(variant: LSTMVariant, parameters: Parameters, x: Array) -> Activations:
    """Return all that one direction of the LSTM computes over x (T, B, D)."""
    a = x @ parameters["W"].T + parameters["b"]
    found: dict[str, Array] = {
        name: np.ones((len(a), *_units(variant, a))) for name in ("z", "i", "f", "o", "c", "h", "y")
    }
    state = [np.zeros(_units(variant, a)) for _ in variant.state]
    for t, a_t in enumerate(a):
        now = variant.activations(NumpyOps(), a_t, state, parameters)
        for name, value in now.items():
            found[name][t] = value
        state = [now[name] for name in variant.state]
    return Activations(**found)


def _units(cell: Cell, a: Array) -> tuple[int, int]:
    """Return B and H of the activations (T, B, blocks·H)."""
    return a.shape[1], a.shape[2] // len(cell.blocks)


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


def gru_backward(parameters: Parameters, x: Array, dy: Array) -> tuple[dict[str, Array], Array]:
    """Return the gradients of one direction's GRU and of x, given dy (T, B, H)."""
    grad = {name: np.zeros_like(value) for name, value in parameters.items()}
    dx, now, y = np.zeros_like(x), [], [np.zeros(dy.shape[1:])]
    for a_t in x @ parameters["W"].T + parameters["b"]:
        now.append(GRU.activations(NumpyOps(), a_t, y[-1:], parameters))
        y.append(now[-1]["y"])
    dy_next = np.zeros(dy.shape[1:])
    for t in reversed(range(len(x))):
        r, u, n, inner = (now[t][name] for name in ("r", "u", "n", "inner"))
        dy_t = dy[t] + dy_next
        da_n = dy_t * (1 - u) * (1 - n**2)
        da_u = _through_sigmoid(dy_t * (y[t] - n), u)
        da_r = _through_sigmoid(da_n * inner, r)
        da = np.concatenate([da_r, da_u, da_n], axis=1)
        through_R = np.concatenate([da_r, da_u, da_n * r], axis=1)
        grad["W"] += da.T @ x[t]
        grad["b"] += da.sum(0)
        grad["R"] += through_R.T @ y[t]
        grad["bn"] += (da_n * r).sum(0)
        dx[t] = da @ parameters["W"]
        dy_next = dy_t * u + through_R @ parameters["R"]
    return grad, dx


def rnn_backward(parameters: Parameters, x: Array, dy: Array) -> tuple[dict[str, Array], Array]:
    """Return the gradients of one direction's tanh network and of x, given dy (T, B, H)."""
    y, da = cell_forward(RNN, parameters, x), np.zeros_like(dy)
    da_next = np.zeros(dy.shape[1:])
    for t in reversed(range(len(x))):
        da_next = da[t] = (dy[t] + da_next @ parameters["R"]) * (1 - y[t] ** 2)
    grad = {
        "W": np.einsum("tbh,tbd->hd", da, x),
        "R": np.einsum("tbh,tbk->hk", da[1:], y[:-1]),
        "b": da.sum((0, 1)),
    }
    return grad, da @ parameters["W"]


def cell_backward(
    cell: Cell, parameters: Parameters, x: Array, dy: Array
) -> tuple[dict[str, Array], Array]:
    """Return the gradients of one direction's parameters and of x, given dy (T, B, H).

    Raises ValueError for a cell that is neither the LSTM nor GRU or RNN.
    """
    if cell == GRU:
        return gru_backward(parameters, x, dy)
    if cell == RNN:
        return rnn_backward(parameters, x, dy)
    variant = lstm_of(cell)
    return layer_backward(variant, parameters, x, layer_forward(variant, parameters, x), dy)


def network_forward(
    spec: NetworkSpec, parameters: Parameters, x: Array, mask: Array | float = 1.0
) -> Array:
    """Return the output layer's activations before softmax or sigmoid, (T, B, K), for any cell.

    ``mask`` (T, B, directions·H) multiplies what the output layer sees.
    """
    y = np.concatenate(_outputs(spec, parameters, x), axis=-1) * mask
    a: Array = y @ parameters["output.W"].T + parameters["output.b"]
    return a


def network_backward(
    spec: NetworkSpec,
    parameters: Parameters,
    x: Array,
    d_output: Array,
    mask: Array | float = 1.0,
) -> tuple[dict[str, Array], Array]:
    """Return the gradients of all parameters and of x, given d_output (T, B, K).

    Those of a cell of one's own are to be found by central differences of ``network_forward``.
    """
    y = np.concatenate(_outputs(spec, parameters, x), axis=-1) * mask
    gradients: dict[str, Array] = {}
    dy = d_output @ parameters["output.W"] * mask
    dx = np.zeros_like(x)
    for k, side in enumerate(spec.directions):
        order = _order(side)
        dy_side = dy[order, :, k * spec.hidden : (k + 1) * spec.hidden]
        own, dx_side = cell_backward(spec.variant, _side(parameters, side), x[order], dy_side)
        gradients |= {f"{side}.{name}": value for name, value in own.items()}
        dx += dx_side[order]
    gradients["output.W"] = np.einsum("tbk,tbh->kh", d_output, y)
    gradients["output.b"] = d_output.sum((0, 1))
    return gradients, dx


def _outputs(spec: NetworkSpec, parameters: Parameters, x: Array) -> list[Array]:
    return [
        cell_forward(spec.variant, _side(parameters, side), x[_order(side)])[_order(side)]
        for side in spec.directions
    ]


def update(
    rule: UpdateRule, theta: Array, state: tuple[Array, ...], gradient: Array, count: int = 1
) -> tuple[Array, tuple[Array, ...]]:
    """Return an array of parameters and its ``rule.state`` after the count-th update."""
    limit, eta, mu = float(rule.clip), rule.step, rule.momentum
    g = np.clip(gradient, -limit, limit) if limit else gradient
    g = g + rule.weight_decay * theta
    if rule.name in ("nesterov", "momentum"):
        v = mu * state[0] - eta * g
        return theta + (mu * v - eta * g if rule.name == "nesterov" else v), (v,)
    if rule.name == "sgd":
        return theta - eta * g, ()
    if rule.name == "rmsprop":
        w = rule.rho * state[0] + (1 - rule.rho) * g**2
        return theta - eta * g / (np.sqrt(w) + rule.epsilon), (w,)
    m = rule.beta1 * state[0] + (1 - rule.beta1) * g
    w = rule.beta2 * state[1] + (1 - rule.beta2) * g**2
    unbiased_m, unbiased_w = m / (1 - rule.beta1**count), w / (1 - rule.beta2**count)
    return theta - eta * unbiased_m / (np.sqrt(unbiased_w) + rule.epsilon), (m, w)


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
