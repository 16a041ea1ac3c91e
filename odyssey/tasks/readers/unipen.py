"""UNIPEN, the free train_r01_v07 corpus: handwritten lines of many contributors, for the same net.

Source: Guyon et al., ICPR 1994. A segment that cannot be read is left out, and so is a file whose
ink cannot.
"""

from collections.abc import Iterator
from pathlib import Path

from odyssey.storage.datasets import DataError, Example
from odyssey.tasks import tree
from odyssey.tasks.readers.corpus import Corpus, split_groups
from odyssey.tasks.readers.ink import CHARACTERS, line_example, scaled_to_line
from odyssey.tasks.readers.unipen_format import Document, read_document, strokes_of

#: Free text; the other categories hold words and characters.
CATEGORY = "8"


def read_unipen(corpus: Corpus, path: str, seed: int = 1) -> None:
    """Read the free text, share out writers 60/20/20, seeded."""
    corpus.root = Path(path)
    corpus.labels = CHARACTERS
    data, include = _folders(corpus)
    writers: dict[str, str] = {}
    examples: list[Example] = []
    for file in corpus.track(corpus.walk(data / CATEGORY, ".dat")):
        name = file.relative_to(data).as_posix()
        try:
            document = read_document(corpus, file, include)
        except DataError as error:
            corpus.skip(name, str(error))
            continue
        for example in _examples(corpus, name, document):
            examples.append(example)
            # Contributors number their writers on their own.
            writers[example.id] = f"{name.split('/')[1]}/{document.writer or name}"
    sets = split_groups(writers.values(), seed)
    for example in examples:
        corpus.splits[sets[writers[example.id]]].append(example)


def _folders(corpus: Corpus) -> tuple[Path, Path]:
    """Return the folders ``data`` and ``include``, in whatever case; DataError without them."""
    for place in tree.folders(corpus.root):
        ink = tree.inside(place, f"data/{CATEGORY}")
        include = tree.inside(place, "include")
        if ink and include:
            corpus.walk(include, "")
            return ink.parent, include
        if ink:
            raise DataError(f"{place}: expected a folder include beside data, got none; unpack it")
    above = [p for p in corpus.root.absolute().parents if tree.inside(p, f"data/{CATEGORY}")]
    inside = ", ".join(entry.name for entry in tree.entries_of(corpus.root))[:80] or "nothing"
    advice = f"set path to {above[0]}" if above else "check the path"
    raise DataError(
        f"{corpus.root}: expected folders data/{CATEGORY} and include in it, got {inside}; {advice}"
    )


def _examples(corpus: Corpus, name: str, document: Document) -> Iterator[Example]:
    for segment in document.segments:
        id_ = f"{name}#{segment.name}"
        try:
            yield line_example(id_, scaled_to_line(strokes_of(document, segment)), segment.text)
        except DataError as error:
            corpus.skip(id_, f"{segment.place}: {error}")
