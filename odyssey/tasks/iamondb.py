"""IAM-OnDB: handwritten lines as pen strokes (Greff et al., sections IV-A and IV-B)."""

from odyssey.tasks.source import PATH, SEED, Option, Source
from odyssey.tasks.task import Costs, Reported, Size, Task

#: Lines in the paper. ASSUME: 350 frames each, after subsampling; the paper does not say.
SIZE = Size(train=5355, valid=2956, test=3859, frames=350)

TASK = Task(
    name="iamondb",
    title="IAM-OnDB",
    inputs=4,
    outputs=82,  # 81 characters and the blank
    bidirectional=True,
    loss="ctc",
    sources={
        "iamondb": Source(
            "odyssey.tasks.readers.iamondb:read_iamondb",
            "IAM-OnDB, the paper's sets",
            {"path": PATH},
        ),
        "unipen": Source(
            "odyssey.tasks.readers.unipen:read_unipen",
            "real handwriting of UNIPEN train_r01_v07, split by writer",
            {"path": PATH, "seed": SEED},
        ),
        "synthetic": Source(
            "odyssey.tasks.readers.synthetic_ink:read_synthetic",
            "made-up lines in Hershey fonts, a stand-in",
            {
                "seed": SEED,
                "writers": Option(
                    "How many synthetic writers; whole writers are shared out 60/20/20.",
                    *(int, 3, 10_000),
                    default=40,
                ),
                "lines": Option(
                    "How many lines each synthetic writer writes.", int, 1, 1000, default=10
                ),
                "characters": Option(
                    "Length of a synthetic line, in characters, at most.", int, 4, 100, default=25
                ),
            },
        ),
    },
    size=SIZE,
    costs=Costs(8e-5, 4.6e-11),
    reported=Reported(9.26, "NP", before="11.5"),
)
