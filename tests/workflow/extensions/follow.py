"""A task of one's own with a loss of one's own: a running mean of the inputs, squared error."""

from odyssey.tasks import Size, Source, Task, register


def read(corpus):
    """Draw sequences of 4 to 9 frames; targets are real numbers."""
    import numpy as np

    from odyssey.storage.datasets import SPLITS, Example

    generator = np.random.default_rng(2)
    for name in SPLITS:
        for k in range(6):
            x = generator.normal(size=(generator.integers(4, 10), 2)).astype(np.float32)
            mean = x.cumsum(axis=0) / np.arange(1, len(x) + 1)[:, None]
            corpus.splits[name].append(Example(f"{name}{k}", x, mean.astype(np.float32)))


register(
    Task(
        name="follow",
        title="Running mean",
        inputs=2,
        outputs=2,
        bidirectional=True,
        loss="squared",
        sources={"made": Source(read, "made-up numbers")},
        worst=10.0,
        size=Size(train=6, valid=6, test=6, frames=6.5),
    )
)
