"""Loads the operator library that fits this processor, and hands out its operators."""

import ctypes
import weakref
from functools import cache
from pathlib import Path
from typing import Any

from odyssey.engines.fused.build import build
from odyssey.engines.fused.instructions import KernelError, chosen_sets
from odyssey.engines.fused.library import Library, available
from odyssey.engines.mx import mx
from odyssey.engines.switches import switches
from odyssey.networks.cells import Cell
from odyssey.networks.gru import GRU
from odyssey.networks.rnn import RNN
from odyssey.networks.spec import NetworkSpec
from odyssey.networks.variants import VARIANTS

#: The losses that have a fused form, by their number in network_layout.h; the others are computed
#: outside.
FUSED_LOSSES = {"softmax": 0, "ctc": 1, "bernoulli": 2, "squared": 3}
OUTSIDE = 4


class Operators:
    """The operators of one variant: ``operators(F, "train", …)``."""

    def __init__(self, variant: Cell) -> None:
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


def network_attributes(spec: NetworkSpec, fused_loss: bool = True) -> dict[str, int]:
    """Return the attributes that tell the library a network's shape, in the order of its ``shape``.

    ``fused_loss`` is whether the fused form of the loss computes, where there is one.
    """
    return {
        "inputs": spec.inputs,
        "hidden": spec.hidden,
        "outputs": spec.outputs,
        "directions": len(spec.directions),
        "loss": FUSED_LOSSES.get(spec.loss, OUTSIDE) if fused_loss else OUTSIDE,
    }


@cache
def load(variant: Cell) -> Operators:
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


def library_path(variant: Cell) -> Path:
    """Return the shared object that ``load`` loads, built if it is not yet."""
    library = _load(variant)
    return library.path(_loaded[library.key][1])


def interface(variant: Cell) -> ctypes.CDLL:
    """Return the C interface of ``load``'s library, which interface.h documents."""
    library = ctypes.CDLL(str(library_path(variant)))
    library.odyssey_open.restype = library.odyssey_core.restype = ctypes.c_void_p
    library.odyssey_size.restype = ctypes.c_size_t
    for name in ("error", "losses", "rule", "rules"):
        getattr(library, f"odyssey_{name}").restype = ctypes.c_char_p
    return library


class OpenNetwork:
    """A network that the library keeps between two calls, closed with this object."""

    def __init__(self, spec: NetworkSpec, fused_loss: bool = True) -> None:
        self.library = interface(spec.variant)
        sizes = network_attributes(spec, fused_loss).values()
        shape = (ctypes.c_int * len(sizes))(*sizes)
        self.handle = ctypes.c_void_p(self.library.odyssey_open(switches(spec.variant), shape))
        if not self.handle:
            raise KernelError(f"the fused kernels: {self.library.odyssey_error().decode()}")
        weakref.finalize(self, self.library.odyssey_close, self.handle)

    @property
    def core(self) -> int:
        """The address that operators take as ``network``."""
        return int(self.library.odyssey_core(self.handle))


_loaded: dict[str, tuple[Library, str]] = {}


def _load(variant: Cell) -> Library:
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


def _library(variant: Cell) -> tuple[Library, str]:
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


def _with_company(variant: Cell) -> list[Cell]:
    """Return the paper's variants if it is one of them, GRU and RNN together, any other alone."""
    companies: list[list[Cell]] = [[*VARIANTS.values()], [GRU, RNN]]
    return next((company for company in companies if variant in company), [variant])
