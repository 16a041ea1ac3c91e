"""Loads the operator library that fits this processor, and hands out its operators."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.kernels.build import KernelError, Library, build, find, supported_sets, switches
from odyssey.mx import mx
from odyssey.spec import NetworkSpec
from odyssey.variants import VARIANTS, LSTMVariant

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
    """Return the name of the instruction set that ``load`` picks."""
    forced = os.environ.get("ODYSSEY_INSTRUCTION_SET")
    if forced and forced not in supported_sets():
        raise KernelError(
            f"ODYSSEY_INSTRUCTION_SET={forced} is not among what this processor has: "
            f"{', '.join(supported_sets())}"
        )
    return forced or supported_sets()[0]


def library_path(variant: LSTMVariant) -> Path:
    """Return the shared object that ``load`` loads, built if it is not yet."""
    return _load(variant).folder / f"{instruction_set()}.so"


_loaded: dict[str, Library] = {}


def _load(variant: LSTMVariant) -> Library:
    bits = switches(variant)
    for library in _loaded.values():
        if bits in library.switches:
            return library
    name = instruction_set()
    library = find(variant, name) or build(_with_company(variant), [name])
    path = library.folder / f"{name}.so"
    mx.library.load(str(path.resolve()), verbose=False)
    _loaded[library.key] = library
    return library


def _with_company(variant: LSTMVariant) -> list[LSTMVariant]:
    """Return the paper's variants if it is one of them, else the variant alone."""
    paper = list(VARIANTS.values())
    return paper if variant in paper else [variant]
