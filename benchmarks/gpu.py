"""Training steps on a GPU: errors, milliseconds, what the device allows, torch beside.

A step is the whole of it on one sequence a trial: noise, forward pass, loss, gradients, update. It
needs the driver, NVRTC and NumPy, no MXNet: ``odyssey bench gpu`` or ``python -m benchmarks.gpu``.
The floor is the chain of 2 T recurrent steps, in as many waves as the blocks need, and all other
products at the peak of the multipliers. A recurrent step is LATENCY cycles and what a processor
takes for its multiplications, or for the weights beyond its registers and its shared memory at L2's
speed if that is more.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.engines.gpu import device
from odyssey.engines.gpu.driver import Driver
from odyssey.engines.gpu.fleet import Fleet
from odyssey.engines.gpu.model import GpuModel
from odyssey.engines.gpu.round import Request
from odyssey.engines.noise import Noise
from odyssey.losses import get_loss
from odyssey.networks import equations
from odyssey.networks.spec import NetworkSpec, UpdateRule
from odyssey.networks.variants import VARIANTS, get_variant

INPUTS, OUTPUTS, FRAMES, STEPS = 39, 61, 300, 16
#: ASSUME: cycles of a step that no width hides: barrier, shuffles, two exponentials in a row.
LATENCY = 120
#: ASSUME: bytes a cycle that one multiprocessor gets from L2; bytes of its register file.
L2_SPEED, REGISTERS = 64, 256 * 1024
Row = dict[str, Any]


def network(code: str, hidden: int) -> NetworkSpec:
    """Return TIMIT's network."""
    return NetworkSpec(get_variant(code), INPUTS, hidden, OUTPUTS, True, "softmax")


def fleet_for(code: str) -> Fleet:
    """Return a fresh fleet on the first GPU."""
    return device.new_fleet(get_variant(code), Driver())


def new_model(spec: NetworkSpec, fleet: Fleet, rate: float, seed: int = 1) -> GpuModel:
    """Return a model with random parameters; 1 as rate and no momentum gives −gradients."""
    generator = np.random.default_rng(seed)
    model = GpuModel(spec, UpdateRule(rate, 0.0, nesterov=False), fleet)
    shapes = spec.parameter_shapes()
    model.set_parameters({n: generator.normal(0, 0.1, s).astype("f4") for n, s in shapes.items()})
    return model


def sequence(T: int) -> tuple[Any, Any]:
    """Return random inputs (T, INPUTS) and labels (T,)."""
    generator = np.random.default_rng(T)
    return generator.normal(size=(T, INPUTS)).astype("f4"), generator.integers(0, OUTPUTS, T)


def errors(code: str, hidden: int, T: int) -> float:
    """Return the largest error of a gradient, relative to the float64 equations' largest entry."""
    spec, (x, y) = network(code, hidden), sequence(T)
    model = new_model(spec, fleet_for(code), rate=1.0)
    theta = {name: value.astype(float) for name, value in model.get_parameters().items()}
    model.train_step(x, y)
    wide = x[:, None].astype(float)
    a = equations.network_forward(spec, theta, wide)[:, 0]
    _, d_a = get_loss(spec.loss).value_and_gradient(a, y)
    gradients, _ = equations.network_backward(spec, theta, wide, d_a[:, None])
    velocity = model.get_state()["velocity"]
    return max(float(np.abs(velocity[n] + g).max() / np.abs(g).max()) for n, g in gradients.items())


def milliseconds(code: str, hidden: int, trials: int, T: int, rounds: int) -> float:
    """Return the median time of a step of all trials together, launched without threads."""
    spec, fleet = network(code, hidden), fleet_for(code)
    models = [new_model(spec, fleet, rate=1e-6, seed=k) for k in range(trials)]
    split = [sequence(T)]
    data = fleet.sequences(spec, split)
    noise = [Noise(0.5, 1, k) for k in range(STEPS)]

    def step() -> None:
        fleet.execute([Request(m.slot, data, [0] * STEPS, noise) for m in models])

    return median(step, rounds) / STEPS


def median(action: Callable[[], object], rounds: int) -> float:
    """Return the median milliseconds of an action that waits for its end, after a warm-up."""
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times[1:]))


def floor(code: str, hidden: int, trials: int, T: int) -> float:
    """Return the least milliseconds of a step of all trials; see above."""
    driver, spec = Driver(), network(code, hidden)
    processors, clock = driver.processors(0), driver.clock(0)
    lanes = 64 if driver.capability(0) in ((7, 0), (7, 5), (8, 0)) else 128
    shapes = spec.variant.parameter_shapes(INPUTS, hidden)
    size = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    recurrent = size["R"] + size.get("Q", 0)
    waves = -(-2 * trials // processors)
    streamed = 4 * recurrent - REGISTERS - driver.shared(0)
    step = LATENCY + max(recurrent / lanes, streamed / L2_SPEED)
    chain = waves * 2 * T * step / clock
    others = 2 * (2 * size["W"] + recurrent) + 3 * OUTPUTS * 2 * hidden
    return 1e3 * (chain + trials * T * others / (lanes * processors * clock))


def torch_milliseconds(hidden: int, T: int, rounds: int) -> float | None:
    """Return a step of torch's nn.LSTM (cuDNN; no peepholes) on one sequence; None without."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    lstm = torch.nn.LSTM(INPUTS, hidden, bidirectional=True).cuda()
    head = torch.nn.Linear(2 * hidden, OUTPUTS).cuda()
    rule = torch.optim.SGD([*lstm.parameters(), *head.parameters()], 1e-6, 0.9, nesterov=True)
    x, y = (torch.tensor(values).cuda() for values in sequence(T))

    def step() -> None:
        rule.zero_grad()
        a = head(lstm((x + 0.5 * torch.randn_like(x))[:, None])[0][:, 0])
        torch.nn.functional.cross_entropy(a, y, reduction="sum").backward()
        rule.step()
        torch.cuda.synchronize()

    return median(step, 10 * rounds)


def measure(
    sizes: Sequence[int] = (20, 64, 100, 200),
    trials: Sequence[int] = (1, 16, 66, 132),
    frames: int = FRAMES,
    rounds: int = 10,
) -> Iterator[Row]:
    """Yield errors of all variants, then times of vanilla, a row each."""
    for code in VARIANTS:
        yield {"variant": code, "hidden": 64, "error": errors(code, 64, min(frames, 50))}
    for hidden in sizes:
        torch_ms = torch_milliseconds(hidden, frames, rounds)
        for count in trials:
            ms = milliseconds("V", hidden, count, frames, rounds)
            row = {"hidden": hidden, "trials": count, "step_ms": ms, "sequence_ms": ms / count}
            least = floor("V", hidden, count, frames)
            yield row | {"floor_ms": least, "torch_sequence_ms": torch_ms}


def main(out: Path | None = None, **sizes: Any) -> None:
    """Print all rows under the device's name, and write them as JSON."""
    print(device.require("fused"))
    rows = []
    for row in measure(**sizes):
        rows.append(row)
        print(
            "  ".join(
                f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in row.items()
            )
        )
    if out:
        out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
