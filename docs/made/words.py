"""Docstrings and comments as Markdown."""

import re


def markdown(text: str) -> str:
    """Return a docstring as Markdown: double backquotes become single ones, < is no tag."""
    outside = re.split(r"(``?[^`]+``?)", text)
    return "".join(
        f"`{part.strip('`')}`"
        if part.startswith("`")
        else part.replace("<", "&lt;").replace("*", "\\*")
        for part in outside
    )
