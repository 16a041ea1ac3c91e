"""Milliseconds of one training step, ours and others', beside what the machine allows.

A step is the whole of it: input noise, forward pass, loss, gradients, update, on one sequence and
one thread. The contestants take turns, and the median of each is kept. The machine is one of them:
the floor is what reading the recurrent weights twice a frame at the speed of the cache and doing
all other products at the peak of BLAS would take, the hard floor the same at the multipliers' peak.
"""

import ctypes
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from odyssey.engines.fused.loader import OpenNetwork, library_path
from odyssey.engines.fused.model import FusedModel, memory_of
from odyssey.engines.mx import mx
from odyssey.engines.noise import Noise
from odyssey.losses import get_loss
from odyssey.networks.cells import get_cell
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.tasks import TASKS

FRAMES = {"timit": 300, "iamondb": 500, "jsb": 61}
CHARACTERS = 30  # where targets have a length of their own
NOISE = 0.5
SIDE = 512  # of the matrices whose product is BLAS at its best
PATIENCE = 1.0  # seconds after which a slow contestant has had enough turns
Step = Callable[[], object]
Row = dict[str, Any]


def example(spec: NetworkSpec, T: int) -> tuple[Any, Any]:
    """Return random inputs and targets of a task's kind."""
    generator = np.random.default_rng(T)
    x = generator.normal(size=(T, spec.inputs)).astype(np.float32)
    loss = get_loss(spec.loss)
    y = loss.draw_targets(generator, T, spec.outputs)
    return x, y if loss.targets.per_frame else y[:CHARACTERS]


def ours(spec: NetworkSpec, x: Any, y: Any) -> dict[str, Step]:
    """Return the fused step as the study calls it, in runs, and bare: no noise, no framework."""
    rule, generator = UpdateRule(1e-6, 0.9), np.random.default_rng(1)
    model = FusedModel(spec, rule)
    shapes = spec.parameter_shapes()
    model.set_parameters(
        {n: generator.normal(0, 0.1, s).astype(np.float32) for n, s in shapes.items()}
    )

    run, presentations = range(model.run_length), itertools.count(step=model.run_length)
    split = [(x, y) for _ in run]  # which come from memory, as the study's do

    def fused() -> None:
        model.train_run(split, run, Noise(NOISE, key=1, presentation=next(presentations)))

    fused.__dict__["length"] = len(run)

    network = OpenNetwork(spec)
    arrays = [array.copy() for array in (model._parameters, model._state)]  # aligned by MXNet
    theta, state = map(memory_of, arrays)
    target, loss = np.ascontiguousarray(y, np.float32), np.empty(1)
    numbers = np.array(list(rule.numbers().values()), np.float32)
    kept = (x, target, theta, state, numbers, loss)
    inputs, targets, *rest = (array.ctypes.data_as(ctypes.c_void_p) for array in kept)

    def kernel() -> object:
        step, frames = network.library.odyssey_step, len(x)
        return step(network.handle, inputs, frames, targets, len(y), None, *rest)

    kernel.__dict__["keep"] = (arrays, *kept)
    return {"fused": fused, "kernel": kernel}


class Machine:
    """What one core does: bytes read a second from a working set, multiplications a second."""

    def __init__(self, spec: NetworkSpec) -> None:
        self._library = ctypes.CDLL(str(library_path(spec.variant)))
        rate = ctypes.c_double
        self._library.odyssey_bandwidth.restype = self._library.odyssey_peak.restype = rate
        self._squares = [mx.nd.ones((SIDE, SIDE)) for _ in range(3)]
        self._seen: dict[object, list[float]] = defaultdict(list)

    def turn(self, spec: NetworkSpec) -> Step:
        """Return a contestant that measures once what the network's floors need."""
        size = 4 * _recurrent(spec)

        def look() -> None:
            repeats = max(2, 2**26 // size)  # as good as all warm
            bandwidth = self._library.odyssey_bandwidth(ctypes.c_size_t(size), repeats)
            self._seen[size].append(bandwidth)
            self._seen["multipliers"].append(self._library.odyssey_peak(50_000))
            self._seen["blas"].append(self._blas())

        return look

    def _blas(self) -> float:
        a, b, c = self._squares
        start = time.perf_counter()
        mx.nd.dot(a, b, out=c)
        c.wait_to_read()
        return SIDE**3 / (time.perf_counter() - start)

    def rate(self, what: object) -> float:
        """Return the median of what was seen: bytes of a working set, products of a unit."""
        return float(np.median(self._seen[what]))

    def floors(self, spec: NetworkSpec, T: int) -> dict[str, float]:
        """Return the least milliseconds of a step, without padding, pointwise parts and noise."""
        sides, recurrent = len(spec.directions), _recurrent(spec)
        inputs = int(np.prod(_shapes(spec)["W"]))
        reading = 2 * T * sides * 4 * recurrent / self.rate(4 * recurrent)
        output = spec.outputs * sides * spec.hidden
        products = T * (sides * (2 * inputs + recurrent) + 3 * output)
        units = {"floor": "blas", "hard floor": "multipliers"}
        return {name: 1e3 * (reading + products / self.rate(u)) for name, u in units.items()}


def _shapes(spec: NetworkSpec) -> dict[str, tuple[int, ...]]:
    return spec.variant.parameter_shapes(spec.inputs, spec.hidden)


def _recurrent(spec: NetworkSpec) -> int:
    shapes = _shapes(spec)
    return sum(int(np.prod(shapes[name])) for name in ("R", "Q") if name in shapes)


def milliseconds(steps: dict[str, Step], rounds: int, clock: Callable[[], float]) -> Row:
    """Return each step's median over the rounds, in which all take turns.

    A contestant with a ``length`` makes so many steps at a time. The one before has emptied the
    caches, so each turn starts with a step that does not count.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            if len(times[name]) > 2 and sum(times[name]) > PATIENCE:
                continue
            often = 1 if not times[name] else max(1, int(5e-3 / max(times[name][0], 1e-6)))
            step()
            mx.nd.waitall()
            start = clock()
            for _ in range(often):
                step()
            mx.nd.waitall()  # MXNet's updates run on while others already take their turn
            times[name].append((clock() - start) / often)
    lengths = {name: step.__dict__.get("length", 1) for name, step in steps.items()}
    return {name: 1e3 * float(np.median(times[name])) / lengths[name] for name in steps}


def measure(
    tasks: Iterable[str], variants: Iterable[str], sizes: Iterable[int], rounds: int, cpu: bool
) -> Iterable[list[Row]]:
    """Yield the rows of one network after the other: task, variant, hidden, implementation, ms."""
    clock = time.process_time if cpu else time.perf_counter
    machine: Machine | None = None
    for task in tasks:
        for code in variants:
            for hidden in sizes:
                spec = TASKS[task].network(get_cell(code), hidden)
                x, y = example(spec, FRAMES[task])
                steps = ours(spec, x, y)
                for name, peer in PEERS.items():
                    step = peer(spec, x, y, NOISE)
                    steps |= {name: step} if step else {}
                machine = machine or Machine(spec)
                found = milliseconds({"machine": machine.turn(spec)} | steps, rounds, clock)
                del found["machine"]
                found = machine.floors(spec, len(x)) | found
                row = {"task": task, "variant": code, "hidden": hidden}
                yield [{**row, "implementation": name, "ms": ms} for name, ms in found.items()]


def save(rows: list[Row], path: Path) -> None:
    """Write the rows as JSON."""
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
