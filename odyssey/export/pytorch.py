"""``.pt``: a state dict for ``recurrent``, an nn.LSTM, nn.GRU or nn.RNN, and ``output``, a Linear.

PyTorch's gates are stacked in the order i, f, g (our z), o, and r, z (our u), n. Its second bias is
0 but for the GRU's ``bn``. Its LSTM has neither peepholes nor other activation functions.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from odyssey.export.gates import gates_of
from odyssey.export.pytorch_file import write_state_dict
from odyssey.export.weights import FloatArray, Trained
from odyssey.networks.gru import GatedRecurrentUnit
from odyssey.networks.rnn import TanhNetwork
from odyssey.networks.variants import LSTMVariant

Arrays = Mapping[str, FloatArray]


def write_pytorch(trained: Trained, path: Path) -> dict[str, tuple[int, ...]]:
    """Write a state dict; return name → shape. Raises CannotExport for what torch.nn can't say."""
    state: dict[str, FloatArray] = {}
    for direction in trained.directions:
        suffix = "_l0_reverse" if direction == "backward" else "_l0"
        for name, value in _layer(trained, trained.side(direction)).items():
            state[f"recurrent.{name}{suffix}"] = value
    state["output.weight"] = trained.parameters["output.W"]
    state["output.bias"] = trained.parameters["output.b"]
    write_state_dict(path, state)
    return {name: value.shape for name, value in state.items()}


def _layer(trained: Trained, side: Arrays) -> dict[str, FloatArray]:
    cell = trained.cell
    if isinstance(cell, LSTMVariant):
        return _lstm(trained, cell, side)
    if isinstance(cell, GatedRecurrentUnit):
        second = np.concatenate(
            [np.zeros(len(side["b"]) - len(side["bn"]), np.float32), side["bn"]]
        )
        return _named(side["W"], side["R"], side["b"], second)
    if isinstance(cell, TanhNetwork):
        return _named(side["W"], side["R"], side["b"], np.zeros_like(side["b"]))
    raise trained.refusal("torch", "it is no LSTM, GRU or tanh network; use --to npz")


def _lstm(trained: Trained, cell: LSTMVariant, side: Arrays) -> dict[str, FloatArray]:
    lacking = {
        "peepholes": "p" in side,
        "full gate recurrence": cell.gate_recurrence,
        "linear block input": not cell.input_activation,
        "linear block output": not cell.output_activation,
    }
    if names := [name for name, needed in lacking.items() if needed]:
        other = "npz" if cell.gate_recurrence else "onnx"
        raise trained.refusal(
            "torch", f"its nn.LSTM has no {', no '.join(names)}; use --to {other}"
        )
    order = [gates_of(cell, side)[name] for name in ("i", "f", "z", "o")]
    W, R, b = (np.concatenate([getattr(gate, name) for gate in order]) for name in "WRb")
    return _named(W, R, b, np.zeros_like(b))


def _named(
    W: FloatArray, R: FloatArray, b: FloatArray, second: FloatArray
) -> dict[str, FloatArray]:
    return {"weight_ih": W, "weight_hh": R, "bias_ih": b, "bias_hh": second}
