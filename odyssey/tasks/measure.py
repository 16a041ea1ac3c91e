"""What the row of a task must know of data of one's own, see ``tasks.arrays``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from odyssey.storage.datasets import Split
from odyssey.tasks import Task
from odyssey.tasks.merit import constant_merit
from odyssey.tasks.prepare import check_examples, check_sets, skip_unlearnable
from odyssey.tasks.readers import arrays
from odyssey.tasks.readers.corpus import Corpus


def measure(
    row_of: Callable[[tuple[int, int]], Task], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Read data and check them as preparation does; return the fields of ``tasks.arrays.Facts``.

    ``row_of`` makes the task of its inputs and outputs. DataError says what is wrong with the data.
    """
    corpus = Corpus("")
    arrays.read(corpus, **options)
    ends = arrays.ends_of(corpus, options["loss"], options.get("outputs"))
    row = row_of(ends)
    check_examples(row, corpus)
    skip_unlearnable(row, corpus)
    check_sets(row, corpus, str(options["path"]))
    frames = [len(each.x) for examples in corpus.splits.values() for each in examples]
    return {
        **dict(zip(("inputs", "outputs"), ends, strict=True)),
        **{name: len(examples) for name, examples in corpus.splits.items()},
        "frames": sum(frames) / len(frames),
        "zero": constant_merit(row, np.zeros(row.outputs), Split.of(corpus.splits["train"])),
    }
