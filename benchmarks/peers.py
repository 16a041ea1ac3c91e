"""The same training step in other libraries, where they are installed (extra `bench`).

Each peer takes a network, inputs (T, D), targets and the noise's standard deviation, and returns a
function that does one step, or None where it is not installed or has no such network.
"""

import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import onednn
from odyssey.engines.noise import Noise
from odyssey.networks.gru import GRU
from odyssey.networks.rnn import RNN
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS

Step = Callable[[], object]
RATE, MOMENTUM = 1e-7, 0.9
#: What others have, by the names of their layers: an LSTM without peepholes and without variants.
_LAYERS = {"LSTM": (VARIANTS["V"], VARIANTS["NP"]), "GRU": (GRU,), "RNN": (RNN,)}


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def absent() -> Iterator[str]:
    """Yield what is not installed and would be measured, each with the package that brings it."""
    for name in ("torch", "jax"):
        if not _installed(name):
            yield f"{name} (pip install {name})"
    if not onednn.files():
        yield "oneDNN (pip install onednn-cpu-gomp onednn-devel-cpu-gomp)"


def torch_layer(layer: str, spec: NetworkSpec, x: Any, y: Any, noise: float) -> Step | None:
    """torch.nn.LSTM, nn.GRU, nn.RNN."""
    if not _installed("torch") or spec.variant not in _LAYERS[layer]:
        return None
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    recurrent = getattr(torch.nn, layer)(spec.inputs, spec.hidden, bidirectional=spec.bidirectional)
    head = torch.nn.Linear(len(spec.directions) * spec.hidden, spec.outputs)
    weights = [*recurrent.parameters(), *head.parameters()]
    rule = torch.optim.SGD(weights, lr=RATE, momentum=MOMENTUM, nesterov=True)
    inputs, target = torch.tensor(x)[:, None], torch.tensor(y)

    def ctc(a: Any) -> Any:
        log_p = a[:, None].log_softmax(-1)
        lengths = [len(x)], [len(y)]
        options = {"blank": spec.outputs - 1, "reduction": "sum"}
        return functional.ctc_loss(log_p, target[None], *lengths, **options)

    forms = {
        "softmax": partial(functional.cross_entropy, target=target, reduction="sum"),
        "bernoulli": partial(
            functional.binary_cross_entropy_with_logits, target=target.float(), reduction="sum"
        ),
        "ctc": ctc,
    }
    loss = forms[spec.loss]

    def step() -> object:
        rule.zero_grad()
        value = loss(head(recurrent(inputs + noise * torch.randn(inputs.shape))[0][:, 0]))
        value.backward()
        rule.step()
        return value.item()

    return step


def jax_scan(spec: NetworkSpec, x: Any, y: Any, noise: float) -> Step | None:
    """jax.lax.scan over a vanilla step with peepholes, compiled as a whole."""
    if not _installed("jax") or spec.variant != VARIANTS["V"]:
        return None
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax
    from jax import numpy as jnp

    H = spec.hidden
    target = jnp.asarray(y)
    forms: dict[str, Callable[[Any], Any]] = {
        "softmax": lambda a: -jnp.sum(jax.nn.log_softmax(a)[jnp.arange(len(x)), target]),
        "bernoulli": lambda a: jnp.sum(jnp.logaddexp(0, a) - a * target),
    }
    if spec.loss not in forms:
        return None

    def side(p: dict[str, Any], x: Any, reverse: bool) -> Any:
        a = x @ p["W"].T + p["b"]

        def step(state: Any, a: Any) -> Any:
            h, c = state
            z, i, f, o = jnp.split(a + p["R"] @ h, 4)
            i, f = jax.nn.sigmoid(i + p["p"][:H] * c), jax.nn.sigmoid(f + p["p"][H : 2 * H] * c)
            c = jnp.tanh(z) * i + c * f
            h = jnp.tanh(c) * jax.nn.sigmoid(o + p["p"][2 * H :] * c)
            return (h, c), h

        return jax.lax.scan(step, (jnp.zeros(H), jnp.zeros(H)), a, reverse=reverse)[1]

    def loss(theta: dict[str, Any], x: Any) -> Any:
        y = [side(theta[name], x, name == "backward") for name in spec.directions]
        a = jnp.concatenate(y, -1) @ theta["W"].T + theta["b"]
        return forms[spec.loss](a)

    @jax.jit
    def update(theta: Any, velocity: Any, x: Any, key: Any) -> Any:
        key, now = jax.random.split(key)
        value, g = jax.value_and_grad(loss)(theta, x + noise * jax.random.normal(now, x.shape))
        v = jax.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, g)
        moved = jax.tree.map(lambda t, v, g: t + MOMENTUM * v - RATE * g, theta, v, g)
        return moved, v, value, key

    generator = np.random.default_rng(1)
    draw = lambda shape: jnp.asarray(generator.normal(0, 0.1, shape), jnp.float32)  # noqa: E731
    shapes = spec.variant.parameter_shapes(spec.inputs, H)
    theta: dict[str, Any] = {s: {n: draw(q) for n, q in shapes.items()} for s in spec.directions}
    theta |= {"W": draw((spec.outputs, len(spec.directions) * H)), "b": draw((spec.outputs,))}
    state = [theta, jax.tree.map(jnp.zeros_like, theta), None, jax.random.key(1)]

    def step() -> object:
        state[:] = update(state[0], state[1], x, state[3])
        return float(state[2])

    return step


def onednn_lstm(spec: NetworkSpec, x: Any, y: Any, noise: float) -> Step | None:
    """oneDNN's LSTM, forward and backward: no noise, no output layer, no loss, no update.

    Vanilla has peepholes. It computes what the equations say, in float32; a test holds it to them.
    Raises KernelError where its adapter can't be compiled.
    """
    if not onednn.files() or spec.variant not in _LAYERS["LSTM"]:
        return None
    peepholes, sides = spec.variant == VARIANTS["V"], len(spec.directions)
    return onednn.Layer(len(x), spec.inputs, spec.hidden, sides, peepholes).step


def gluon_layer(layer: str, spec: NetworkSpec, x: Any, y: Any, noise: float) -> Step | None:
    """MXNet's own gluon.rnn.LSTM, GRU, RNN."""
    if spec.variant not in _LAYERS[layer]:
        return None
    from odyssey.engines.gluon.losses import NetworkLoss
    from odyssey.engines.mx import mx

    network = mx.gluon.nn.HybridSequential()
    options = {"activation": "tanh"} if layer == "RNN" else {}
    network.add(
        getattr(mx.gluon.rnn, layer)(spec.hidden, bidirectional=spec.bidirectional, **options)
    )
    network.add(mx.gluon.nn.Dense(spec.outputs, flatten=False))
    network.initialize(mx.init.Normal(0.1))
    network.hybridize()
    loss = NetworkLoss(spec.loss)
    loss.hybridize()
    rule = {"learning_rate": RATE, "momentum": MOMENTUM}
    trainer = mx.gluon.Trainer(network.collect_params(), "nag", rule)
    inputs, target = mx.nd.array(x)[:, None], mx.nd.array(y)

    def step() -> object:
        noisy = inputs + noise * mx.nd.random.normal(shape=inputs.shape)
        with mx.autograd.record():
            value = loss(network(noisy), target)
        value.backward()
        trainer.step(1)
        return float(value.asscalar())

    return step


def gluon_foreach(spec: NetworkSpec, x: Any, y: Any, noise: float) -> Step:
    """The study's own plain Gluon network: every variant, no compiler."""
    return _gluon(spec, x, y, noise, lambda F: F)


def gluon_unrolled(spec: NetworkSpec, x: Any, y: Any, noise: float) -> Step:
    """The same network with its time steps unrolled into one hybridized graph."""

    class Unrolling:
        def __init__(self, F: Any) -> None:
            self._F, self.contrib = F, self

        def __getattr__(self, name: str) -> Any:
            return getattr(self._F, name)

        def foreach(self, step: Any, data: Any, state: Any) -> tuple[Any, Any]:
            outputs = []
            for row in self._F.split(data, num_outputs=len(x), axis=0, squeeze_axis=True):
                out, state = step(row, state)
                outputs.append(out)
            return self._F.stack(*outputs, axis=0), state

    return _gluon(spec, x, y, noise, Unrolling)


def _gluon(spec: NetworkSpec, x: Any, y: Any, noise: float, view: Callable[[Any], Any]) -> Step:
    from odyssey.engines.gluon.model import GluonModel
    from odyssey.engines.gluon.network import plain_layer

    model, generator = GluonModel(spec, UpdateRule(RATE, MOMENTUM)), np.random.default_rng(1)
    shapes = spec.parameter_shapes()
    model.set_parameters(
        {n: generator.normal(0, 0.1, s).astype(np.float32) for n, s in shapes.items()}
    )
    model._network._layer = lambda F, *layer: plain_layer(view(F), *layer)
    presentations = itertools.count()
    return lambda: model.train_step(x, y, Noise(noise, key=1, presentation=next(presentations)))


PEERS: dict[str, Callable[[NetworkSpec, Any, Any, float], Step | None]] = {
    **{f"torch nn.{layer}": partial(torch_layer, layer) for layer in _LAYERS},
    "oneDNN LSTM, the layer alone": onednn_lstm,
    "JAX scan": jax_scan,
    **{f"gluon.rnn.{layer}": partial(gluon_layer, layer) for layer in _LAYERS},
    "Gluon foreach": gluon_foreach,
    "Gluon unrolled": gluon_unrolled,
}
