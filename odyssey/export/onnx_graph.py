"""``.onnx``: x (T, B, D) → activations (T, B, K), by ONNX's LSTM, GRU or RNN and a product.

ONNX's LSTM has the paper's peepholes, any activation functions and coupled gates. Its gates are
stacked in the order i, o, f, c (our z), the GRU's z (our u), r, h (our n). Source: the operators'
pages of onnx.ai.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.export.gates import gates_of
from odyssey.export.weights import CannotExport, FloatArray, Trained
from odyssey.networks.gru import GatedRecurrentUnit
from odyssey.networks.rnn import TanhNetwork
from odyssey.networks.variants import LSTMVariant
from odyssey.storage.files import replacing

Arrays = Mapping[str, FloatArray]
#: Versions of the operators and of the file, which runtimes of 2021 and later read.
_OPSET, _IR = 14, 7


@dataclass(frozen=True)
class _Layer:
    """An operator with its arrays of one direction: W, R, B and, if it has peepholes, P."""

    operator: str
    arrays: Arrays
    activations: tuple[str, ...]
    options: Mapping[str, int] = field(default_factory=dict)


def write_onnx(trained: Trained, path: Path) -> dict[str, tuple[int, ...]]:
    """Write a model; return name → shape of its arrays.

    Raises CannotExport for what ONNX can't say, and where the package onnx is missing.
    """
    layers = [_layer(trained, trained.side(direction)) for direction in trained.directions]
    try:
        import onnx
    except ImportError as error:
        raise CannotExport(
            f"--to onnx needs the package onnx, which can't be imported ({error}): pip install onnx"
        ) from error
    arrays = {name: np.stack([each.arrays[name] for each in layers]) for name in layers[0].arrays}
    arrays["output.W"] = np.ascontiguousarray(trained.parameters["output.W"].T)
    arrays["output.b"] = trained.parameters["output.b"]
    model = _model(onnx, trained, layers, arrays)
    onnx.checker.check_model(model, full_check=True)
    with replacing(path) as draft:
        draft.write_bytes(model.SerializeToString(deterministic=True))
    return {name: value.shape for name, value in arrays.items()}


def _layer(trained: Trained, side: Arrays) -> _Layer:
    cell, H = trained.cell, trained.hidden
    if isinstance(cell, LSTMVariant):
        return _lstm(trained, cell, side)
    if isinstance(cell, GatedRecurrentUnit):
        W, R, b = (_reordered(side[name], H, (1, 0, 2)) for name in "WRb")
        b = np.concatenate([b, np.zeros(2 * H, np.float32), side["bn"]])
        options = {"linear_before_reset": 1}  # the reset gate multiplies the product
        return _Layer("GRU", {"W": W, "R": R, "B": b}, ("Sigmoid", "Tanh"), options)
    if isinstance(cell, TanhNetwork):
        b = np.concatenate([side["b"], np.zeros_like(side["b"])])
        return _Layer("RNN", {"W": side["W"], "R": side["R"], "B": b}, ("Tanh",))
    raise trained.refusal("onnx", "it is no LSTM, GRU or tanh network; use --to npz")


def _lstm(trained: Trained, cell: LSTMVariant, side: Arrays) -> _Layer:
    if cell.gate_recurrence:
        raise trained.refusal("onnx", "its LSTM has no full gate recurrence; use --to npz")
    gates = gates_of(cell, side)
    W, R, b = (np.concatenate([getattr(gates[g], name) for g in "iofz"]) for name in "WRb")
    arrays = {"W": W, "R": R, "B": np.concatenate([b, np.zeros_like(b)])}
    if "p" in side:
        arrays["P"] = np.concatenate([gates[g].p for g in "iof"])
    on = {True: "Tanh", False: "Affine"}
    activations = ("Sigmoid", on[cell.input_activation], on[cell.output_activation])
    return _Layer("LSTM", arrays, activations, {"input_forget": 1} if cell.coupled_gates else {})


def _reordered(stacked: FloatArray, hidden: int, order: tuple[int, ...]) -> FloatArray:
    return np.concatenate([stacked[k * hidden : (k + 1) * hidden] for k in order])


def _model(onnx: Any, trained: Trained, layers: list[_Layer], arrays: Arrays) -> Any:
    helper, first = onnx.helper, layers[0]
    width = len(layers) * trained.hidden
    activations = [name for layer in layers for name in layer.activations]
    affine = activations.count("Affine")  # a function with a slope of 1 and an offset of 0
    slopes = {"activation_alpha": [1.0] * affine, "activation_beta": [0.0] * affine}
    own = ["W", "R", "B", *(["", "", "", "P"] if "P" in arrays else [])]  # no lengths, no start
    nodes = [
        helper.make_node(
            first.operator,
            ["x", *own],
            ["y"],
            hidden_size=trained.hidden,
            direction="bidirectional" if len(layers) > 1 else "forward",
            activations=activations,
            **(slopes if affine else {}),
            **first.options,
        ),
        helper.make_node("Transpose", ["y"], ["by batch"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["by batch", "width"], ["outputs"]),
        helper.make_node("MatMul", ["outputs", "output.W"], ["product"]),
        helper.make_node("Add", ["product", "output.b"], ["activations"]),
    ]
    constants = {**arrays, "width": np.array([0, 0, width])}
    graph = helper.make_graph(
        nodes,
        trained.name,
        [helper.make_tensor_value_info("x", 1, ["T", "B", trained.inputs])],
        [helper.make_tensor_value_info("activations", 1, ["T", "B", trained.outputs])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="odyssey")
    helper.set_model_props(model, {"about": json.dumps(dict(trained.about))})
    return model
