"""A task of one's own with a loss that is known: which of three inputs was on two frames ago."""

from odyssey.tasks import Option, Source, Task, register


def read(corpus, sequences=12, seed=1):
    """Draw sequences of 5 to 9 frames, of unequal lengths."""
    import numpy as np

    from odyssey.storage.datasets import SPLITS, Example

    corpus.labels = ("first", "second", "third")
    generator = np.random.default_rng(seed)
    for name in SPLITS:
        for k in range(sequences):
            on = generator.integers(0, 3, generator.integers(5, 10))
            y = np.concatenate([[0, 0], on[:-2]]).astype(np.int32)
            corpus.splits[name].append(Example(f"{name}{k}", np.eye(3, dtype=np.float32)[on], y))


OPTIONS = {
    "sequences": Option("Sequences of each set.", int, 1, 1000, default=12),
    "seed": Option("Of all draws.", int, 0, default=1),
}
register(
    Task(
        name="delay",
        title="Delay by two",
        inputs=3,
        outputs=3,
        bidirectional=False,
        loss="softmax",
        sources={"made": Source(read, "made-up sequences", OPTIONS)},
    )
)
