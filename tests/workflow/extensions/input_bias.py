"""A hyperparameter that acts at the start of a trial: added to the bias of the input gate."""

from odyssey.study.hyperparameters import Hyperparameter, register


def add(parameters, value, network):
    """Add the value to the input gates' biases of all layers."""
    hidden = network.hidden
    first = network.variant.blocks.index("i") * hidden
    for side in network.directions:
        parameters[f"{side}.b"][first : first + hidden] += value


register(
    Hyperparameter(
        name="input_bias",
        kind=float,
        least=-20,
        most=20,
        must="a number from -20 to 20",
        at_start=add,
        block="i",
        label="initial bias of the input gate",
        short="input bias",
    )
)
