"""The three tasks of the study, as data; the module of the same name reads a task's corpus.

Source: Greff et al., sections IV-A (data) and IV-B (networks). Figures of merit: lower is better.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from odyssey.networks.spec import Loss, NetworkSpec
from odyssey.networks.variants import LSTMVariant

#: Raised by hand when the code changes what preparation makes of a corpus: data are then remade.
DATA_VERSION = 2


@dataclass(frozen=True)
class Task:
    """One column of the study.

    ``merit`` and ``unit`` name its figure of merit. ``worst`` is what a trial counts as of which no
    finite figure is known, not even the untrained net's.
    """

    name: str
    title: str
    inputs: int
    outputs: int
    bidirectional: bool
    loss: Loss
    merit: str
    unit: str
    worst: float

    def network(self, variant: LSTMVariant, hidden: int) -> NetworkSpec:
        """Return the task's network for a variant with ``hidden`` blocks per direction."""
        return NetworkSpec(
            variant, self.inputs, hidden, self.outputs, self.bidirectional, self.loss
        )


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task("timit", "TIMIT", 39, 61, True, "softmax", "frame error", "%", 100.0),
            Task("iamondb", "IAM-OnDB", 4, 82, True, "ctc", "character error", "%", 100.0),
            # The worst is that of 88 outputs that are all 1/2.
            Task(
                "jsb",
                "JSB Chorales",
                88,
                88,
                False,
                "bernoulli",
                "negative log-likelihood",
                "nats per frame",
                88 * math.log(2),
            ),
        )
    }
)
