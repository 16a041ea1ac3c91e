"""JSB Chorales: piano rolls, the next frame predicted (Greff et al., sections IV-A and IV-B)."""

from odyssey.tasks.source import PATH, SEED, Option, Source
from odyssey.tasks.task import Costs, Reported, Size, Task

_ORIGINAL_ROLLS = "the piano rolls of Boulanger-Lewandowski et al."
_NORMALISE = Option(
    "Whether each key is scaled to mean 0 and variance 1 on the training set. ASSUME: no, rolls "
    "are taken as 0 and 1.",
    bool,
    default=False,
)
#: −1, 0 and null are rests of a voice in json and pickle.
_ROLLS = {
    kind: Source(
        f"odyssey.tasks.readers.jsb:read_{kind}",
        _ORIGINAL_ROLLS,
        {"path": PATH, "normalise": _NORMALISE},
    )
    for kind in ("mat", "pickle", "json")
}
#: Chorales of the original files.
SIZE = Size(train=229, valid=76, test=77, frames=61)

TASK = Task(
    name="jsb",
    title="JSB Chorales",
    inputs=88,  # keys, one frame a quarter note
    outputs=88,
    bidirectional=False,
    loss="bernoulli",
    sources={
        **_ROLLS,
        "music21": Source(
            "odyssey.tasks.readers.scores:read_music21",
            "Bach's chorales in the edition that comes with music21, split by seed",
            {
                "seed": SEED,
                "chorales": Option(
                    "How many scores music21 reads, the first ones by name; null reads all 408 "
                    "files, of which 361 are different and have four parts.",
                    *(int, 10, 408),
                ),
                "normalise": _NORMALISE,
            },
        ),
    },
    size=SIZE,
    costs=Costs(1e-5, 3.9e-11),
    reported=Reported(
        8.38,
        "NIAF",
        before="5.56 (RNN-NADE)",
        # Nats per frame (Bai et al. 2018; the paper's references).
        elsewhere={"TCN": 8.10, "GRU": 8.43, "LSTM": 8.45, "RNN": 8.91, "RNN-NADE": 5.56},
    ),
)
