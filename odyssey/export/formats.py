"""The formats that a network can be written in."""

from collections.abc import Mapping
from types import MappingProxyType

from odyssey.export.numpy_file import write_npz
from odyssey.export.onnx_graph import write_onnx
from odyssey.export.pytorch import write_pytorch
from odyssey.export.weights import Writer

#: Format → the ending of its files and what writes one.
FORMATS: Mapping[str, tuple[str, Writer]] = MappingProxyType(
    {"npz": (".npz", write_npz), "torch": (".pt", write_pytorch), "onnx": (".onnx", write_onnx)}
)
