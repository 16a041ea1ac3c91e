"""The hyperparameters by name: all that a search can draw. Standard library only.

A law whose draws a row does not allow is refused when the study is read, not when it trains. An
extension adds a row of its own with ``register``.
"""

from collections.abc import Mapping
from typing import Any

from odyssey.networks.spec import MOST_HIDDEN, RULES, NetworkSpec, UpdateRule
from odyssey.registry import Registry
from odyssey.study.hyperparameter import (
    AtStart,
    Hyperparameter,
    InputNoise,
    OutputDropout,
    Start,
)
from odyssey.study.search import Value

__all__ = [
    "HYPERPARAMETERS",
    "AtStart",
    "Hyperparameter",
    "InputNoise",
    "OutputDropout",
    "Start",
    "fields_of",
    "get_hyperparameter",
    "register",
]

# The kernels compute in float32: beyond these bounds a step, 1 − μ or the noise is 0 or infinite.
_BELOW_ONE = 1 - 2.0**-24
_SAID = "a number from 0 to 0.99999994, the last below 1"


def _add_to_forget_gates(parameters: dict[str, Any], value: Any, network: NetworkSpec) -> None:
    first = network.variant.blocks.index("f") * network.hidden
    for side in network.directions:
        parameters[f"{side}.b"][first : first + network.hidden] += value


# Colours are Okabe and Ito's, told apart with every kind of colour vision.
_ROWS = (
    Hyperparameter(
        *("hidden", int, 1, MOST_HIDDEN, f"a whole number from 1 to {MOST_HIDDEN}"),
        fills=(NetworkSpec, "hidden"),
        required=True,
        label="hidden size (blocks per layer)",
        short="hidden size",
        colour="#E69F00",
    ),
    Hyperparameter(
        *("learning_rate", float, 1e-20, 1e20, "a number above 0, from 1e-20 to 1e20"),
        fills=(UpdateRule, "learning_rate"),
        required=True,
        colour="#0072B2",
    ),
    Hyperparameter(
        *("momentum", float, 0, _BELOW_ONE, _SAID),
        fills=(UpdateRule, "momentum"),
        default=0.0,
        colour="#D55E00",
    ),
    Hyperparameter(
        *("noise", float, 0, 1e20, "a number from 0 to 1e20"),
        fills=(InputNoise, "std"),
        default=0.0,
        label="input noise (standard deviation)",
        short="input noise",
        colour="#009E73",
    ),
    # PAPER: Nesterov and no clipping where a task does not sample them.
    Hyperparameter(
        *("nesterov", bool, 0, 1, "true or false"),
        fills=(UpdateRule, "nesterov"),
        default=True,
        label="Nesterov momentum",
        short="Nesterov",
        colour="#56B4E9",
    ),
    Hyperparameter(
        *("clip", float, 1e-20, 1e20, "true, false or the limit, a number from 1e-20 to 1e20"),
        fills=(UpdateRule, "clip"),
        default=False,
        switch=True,
        label="gradient clipping",
        short="clipping",
        colour="#CC79A7",
    ),
    Hyperparameter(
        *("weight_decay", float, 0, 1e20, "a number from 0 to 1e20"),
        fills=(UpdateRule, "weight_decay"),
        default=0.0,
    ),
    Hyperparameter(
        *("rescale", bool, 0, 1, "true or false"),
        fills=(UpdateRule, "rescale"),
        default=True,
        label="step rescaled by 1 − momentum",
        short="rescaled step",
    ),
    Hyperparameter(
        *("optimizer", str, 0, 0, "nesterov, momentum, sgd, adam or rmsprop"),
        fills=(UpdateRule, "optimizer"),
        words=tuple(RULES),
        label="update rule",
    ),
    Hyperparameter(
        *("beta1", float, 0, _BELOW_ONE, _SAID),
        fills=(UpdateRule, "beta1"),
        default=0.9,
        label="β₁ of Adam",
    ),
    Hyperparameter(
        *("beta2", float, 0, _BELOW_ONE, _SAID),
        fills=(UpdateRule, "beta2"),
        default=0.999,
        label="β₂ of Adam",
    ),
    Hyperparameter(
        *("rho", float, 0, _BELOW_ONE, _SAID),
        fills=(UpdateRule, "rho"),
        default=0.9,
        label="ρ of RMSprop",
    ),
    Hyperparameter(
        *("epsilon", float, 1e-20, 1e20, "a number above 0, from 1e-20 to 1e20"),
        fills=(UpdateRule, "epsilon"),
        default=1e-8,
        label="ε of Adam and RMSprop",
        short="ε",
    ),
    Hyperparameter(
        *("output_dropout", float, 0, 0.99, "a number from 0 to 0.99"),
        fills=(OutputDropout, "probability"),
        default=0.0,
        label="dropout of the recurrent layer's outputs",
        short="output dropout",
    ),
    Hyperparameter(
        *("weight_std", float, 1e-20, 100, "a number above 0, from 1e-20 to 100"),
        fills=(Start, "weight_std"),
        label="standard deviation of the initial weights",
        short="weight std",
    ),
    Hyperparameter(
        *("forget_bias", float, -100, 100, "a number from -100 to 100"),
        at_start=_add_to_forget_gates,
        block="f",
        label="added to the forget gate's initial bias",
        short="forget bias",
    ),
)
#: Name → hyperparameter: all that a search can draw.
HYPERPARAMETERS: Registry[Hyperparameter] = Registry("hyperparameter")


def register(row: Hyperparameter) -> Hyperparameter:
    """Add a hyperparameter and return it. Raises ValueError for a name that is taken."""
    return HYPERPARAMETERS.add(row.name, row)


def get_hyperparameter(name: str) -> Hyperparameter:
    """Return the row of a name. Raises ValueError, which lists the legal names, for any other."""
    return HYPERPARAMETERS.find(name)


for _row in _ROWS:
    register(_row)


def fields_of(kind: type, drawn: Mapping[str, Value]) -> dict[str, Any]:
    """Return the fields of a dataclass that hyperparameters fill: what was drawn, else defaults."""
    found = {}
    for row in HYPERPARAMETERS.values():
        if row.fills and row.fills[0] is kind and (row.name in drawn or row.default is not None):
            found[row.fills[1]] = row.kind(drawn.get(row.name, row.default))
    return found
