"""A hyperparameter that acts at the start of a trial: added to the bias of the forget gate."""

from odyssey.study.hyperparameters import Hyperparameter, register


def add(parameters, value, network):
    """Add the value to the forget gates' biases of all layers; a variant without has none."""
    blocks, hidden = getattr(network.variant, "blocks", ()), network.hidden
    if "f" in blocks:
        first = blocks.index("f") * hidden
        for side in network.directions:
            parameters[f"{side}.b"][first : first + hidden] += value


register(
    Hyperparameter(
        name="forget_bias",
        kind=float,
        least=-20,
        most=20,
        must="a number from -20 to 20",
        at_start=add,
        label="initial bias of the forget gate",
        short="forget bias",
    )
)
