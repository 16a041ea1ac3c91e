"""The update rules in MXNet's operators; ``UpdateRule`` says what each computes."""

from collections.abc import Sequence
from typing import Any

from odyssey.engines.mx import mx
from odyssey.networks.spec import UpdateRule


def update(rule: UpdateRule, theta: Any, state: Sequence[Any], gradient: Any, count: int) -> None:
    """Change an array of parameters and its ``rule.state`` by the count-th update."""
    limit, name = float(rule.clip), rule.name
    gradient = mx.nd.clip(gradient, -limit, limit) if limit else gradient
    if rule.weight_decay:  # MXNet's Nesterov step gives its own a wrong velocity
        gradient = gradient + rule.weight_decay * theta
    step, epsilon = rule.corrected(count)
    if name in ("nesterov", "momentum"):
        move = mx.nd.nag_mom_update if name == "nesterov" else mx.nd.sgd_mom_update
        move(theta, gradient, *state, out=theta, lr=step, momentum=rule.momentum, wd=0.0)
    elif name == "sgd":
        mx.nd.sgd_update(theta, gradient, out=theta, lr=step, wd=0.0)
    elif name == "adam":
        decays = {"beta1": rule.beta1, "beta2": rule.beta2}
        mx.nd.adam_update(
            theta, gradient, *state, out=theta, lr=step, epsilon=epsilon, wd=0.0, **decays
        )
    else:  # MXNet's own RMSprop has its ε under the root
        (second,) = state
        second[:] = rule.rho * second + (1 - rule.rho) * gradient**2
        theta[:] = theta - step * gradient / (mx.nd.sqrt(second) + epsilon)
