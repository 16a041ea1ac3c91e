"""Loads the operator library that fits this processor, and hands out its operators."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.engines.fused.build import Library, available, build
from odyssey.engines.fused.instructions import KernelError, chosen_sets
from odyssey.engines.mx import mx
from odyssey.engines.switches import switches
from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import VARIANTS, LSTMVariant

_LOSSES = {"softmax": 0, "ctc": 1, "bernoulli": 2}


class Operators:
    """The operators of one variant: ``operators(F, "train", …)``."""

    def __init__(self, variant: LSTMVariant) -> None:
        self.switches = switches(variant)
        self.key = _load(variant).key

    def __call__(self, F: Any, operator: str, *inputs: Any, **attributes: Any) -> Any:
        """Apply an operator of the library to inputs; F is ``mx.nd`` or ``mx.sym``."""
        function = getattr(F, f"odyssey_{operator}_{self.key}")
        return function(*inputs, switches=self.switches, **attributes)

    def cached(self, operator: str, count: int, **attributes: Any) -> Any:
        """Return an operator of ``count`` NDArrays with its attributes bound: quick to call."""
        variables = [mx.sym.Variable(f"input{k}") for k in range(count)]
        return mx.nd.CachedOp(self(mx.sym, operator, *variables, **attributes))


def network_attributes(spec: NetworkSpec) -> dict[str, int]:
    """Return the attributes that tell the library a network's shape."""
    return {
        "inputs": spec.inputs,
        "hidden": spec.hidden,
        "outputs": spec.outputs,
        "directions": len(spec.directions),
        "loss": _LOSSES[spec.loss],
    }


@cache
def load(variant: LSTMVariant) -> Operators:
    """Return the operators of a variant, built if they are not yet.

    The instruction set is the best that the processor has, or the one that the environment
    variable ODYSSEY_INSTRUCTION_SET names. Raises KernelError.
    """
    return Operators(variant)


def instruction_set() -> str:
    """Return the name of the instruction set that computes here. Raises KernelError."""
    for _, name in _loaded.values():
        return name
    return chosen_sets()[0]


def library_path(variant: LSTMVariant) -> Path:
    """Return the shared object that ``load`` loads, built if it is not yet."""
    library = _load(variant)
    return library.path(_loaded[library.key][1])


_loaded: dict[str, tuple[Library, str]] = {}


def _load(variant: LSTMVariant) -> Library:
    for library, _ in _loaded.values():
        if switches(variant) in library.switches:
            return library
    library, name = _library(variant)
    path = library.path(name).resolve()
    try:
        ctypes.CDLL(str(path))  # whose messages are better than MXNet's
        mx.library.load(str(path), verbose=False)
    except (OSError, mx.MXNetError) as error:
        raise KernelError(_refusal(path, " ".join(str(error).split()))) from error
    _loaded[library.key] = library, name
    return library


def _library(variant: LSTMVariant) -> tuple[Library, str]:
    """Return a library for the best instruction set that is there or can be built."""
    if found := available(variant):
        return found
    refused: list[KernelError] = []
    for name in chosen_sets():
        try:
            return build(_with_company(variant), [name]), name
        except KernelError as error:
            refused.append(error)
    raise refused[0]


def _refusal(path: Path, reason: str) -> str:
    """Return why a library can't be loaded, and what to do."""
    advice = f"remove {path.parent} and run `odyssey build` on this machine"
    if "GLIBC" in reason or "CXXABI" in reason:
        advice = (
            "it was built on a machine with newer libraries: load the module of its compiler "
            f"here, too, or {advice}"
        )
    if "failed to map" in reason or "not permitted" in reason:
        advice = "is its file system mounted noexec? Name another folder in ODYSSEY_KERNELS"
    return f"the fused kernels can't be loaded: {reason}; {advice}"


def _with_company(variant: LSTMVariant) -> list[LSTMVariant]:
    """Return the paper's variants if it is one of them, else the variant alone."""
    paper = list(VARIANTS.values())
    return paper if variant in paper else [variant]
