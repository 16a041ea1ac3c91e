"""What the paper leaves open or says elsewhere: every text of the code marked ASSUME or PAPER."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from docs.made.words import markdown

ROOT = Path(__file__).parents[2]
WHERE = ("config.yaml", "odyssey")
SUFFIXES = (".py", ".yaml", ".h", ".cc", ".cu", ".cuh")
MARK = re.compile(r"\b(ASSUME|PAPER):\s")
INTRODUCTION = """# Choices, one by one

Made from the code. **PAPER** is what the paper or its authors' code says where one would not look
for it; **ASSUME** is a choice that the paper leaves open. The main ones are argued in
[the protocol](../protocol.md).
"""

Text = tuple[int, str]  # a comment's or a string's first line, and what it says


def page() -> str:
    """Return the page as Markdown: the marked texts, file by file."""
    lines, place = [INTRODUCTION], ""
    for file, line, mark, words in found():
        if file != place:
            lines += [f"## {file}", ""]
            place = file
        lines += [f"- **{mark}**, line {line}: {markdown(words)}", ""]
    return "\n".join(lines)


def found() -> Iterator[tuple[str, int, str, str]]:
    """Yield file, line, mark and text of every marked text, in the order of the files."""
    for start in WHERE:
        place = ROOT / start
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.suffix in SUFFIXES:
                source = path.read_text(encoding="utf-8")
                if not re.search("ASSUME|PAPER", source):  # most: reading texts takes long
                    continue
                texts = _python(source) if path.suffix == ".py" else _comments(source)
                file = path.relative_to(ROOT).as_posix()
                yield from ((file, *rest) for text in sorted(texts) for rest in _marked(*text))


def _marked(line: int, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, mark and words, to the end of paragraph or bracket, or to the next mark."""
    for match in MARK.finditer(text):
        words = re.split(r"\n\s*\n", text[match.end() :])[0]
        words = words[: following.start()] if (following := MARK.search(words)) else words
        if text[: match.start()].endswith("("):
            words = words.partition(")")[0]
        number = line + text.count("\n", 0, match.start())
        yield number, match[1], " ".join(words.split())


def _python(source: str) -> Iterator[Text]:
    """Yield strings, joined as Python joins them, and comments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    yield from _joined((t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT)


def _comments(source: str) -> Iterator[Text]:
    """Yield the comments of YAML or C++."""
    rows = enumerate(source.splitlines(), 1)
    found = ((n, match[0]) for n, line in rows if (match := re.search(r"(//|(^|\s)#).*", line)))
    yield from _joined(found)


def _joined(comments: Iterator[Text]) -> Iterator[Text]:
    """Join comments of consecutive lines."""
    first, last, words = 0, -1, ""
    for number, comment in comments:
        bare = re.sub(r"^\s*(#:?|///?)\s?", "", comment)
        if number == last + 1:
            words += "\n" + bare
        else:
            if words:
                yield first, words
            first, words = number, bare
        last = number
    if words:
        yield first, words
