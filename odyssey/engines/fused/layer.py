"""The recurrent layer as a differentiable operator, for Gluon blocks and autograd."""

from collections.abc import Mapping
from typing import Any

from odyssey.engines.fused.loader import load
from odyssey.networks.spec import NetworkSpec


def fused_layer(F: Any, spec: NetworkSpec, x: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the outputs (T, B, directions · H) of a network's recurrent layer for x (T, B, D).

    ``parameters`` holds the layer's arrays under their canonical names (``forward.W``, …); F is
    ``mx.nd`` or ``mx.sym``. All arrays are float32, or all float64. Differentiable by x and by the
    parameters. Raises KernelError where the operators can't be built.
    """
    names = [name for name in spec.parameter_shapes() if not name.startswith("output.")]
    arrays = [parameters[name] for name in names]
    operators = load(spec.variant)
    sizes = {"hidden": spec.hidden, "directions": len(spec.directions)}
    return operators(F, "layer", x, *arrays, **sizes)[0]
