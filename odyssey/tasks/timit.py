"""TIMIT: recordings of read sentences, framewise phones (Greff et al., sections IV-A and IV-B)."""

from odyssey.tasks.source import PATH, SEED, Option, Source
from odyssey.tasks.task import Costs, Reported, Size, Task

#: Utterances in the paper: eight of each of 462, 50 and 24 speakers.
SIZE = Size(train=3696, valid=400, test=192, frames=304)

TASK = Task(
    name="timit",
    title="TIMIT",
    inputs=39,  # MFCC with first and second differences, every 10 ms
    outputs=61,
    bidirectional=True,
    loss="softmax",
    sources={
        "timit": Source(
            "odyssey.tasks.readers.timit:read_timit",
            "TIMIT, Halberstadt's sets",
            {
                "path": PATH,
                "split": Option(
                    "official: Halberstadt's sets, for TIMIT itself. speaker, utterance: whole "
                    "speakers or single recordings shared out 60/20/20 by seed, for other "
                    "recordings in its layout.",
                    choices=("official", "speaker", "utterance"),
                    default="official",
                ),
                "seed": SEED,
            },
        ),
        "synthetic": Source(
            "odyssey.tasks.readers.synthetic_speech:read_synthetic",
            "made-up sentences spoken by eSpeak NG, a stand-in",
            {
                "seed": SEED,
                "speakers": Option(
                    "How many synthetic speakers; whole speakers are shared out 60/20/20.",
                    *(int, 3, 10_000),
                    default=36,
                ),
                "utterances": Option(
                    "How many sentences each synthetic speaker says, some 2.5 s each.",
                    *(int, 1, 1000),
                    default=8,
                ),
            },
        ),
    },
    size=SIZE,
    costs=Costs(3e-5, 4.1e-11),
    reported=Reported(29.6, "CIFG", before="26.9"),
)
