"""Headings, links and pictures of a Markdown page, as GitHub and Python-Markdown read them."""

import re
import unicodedata

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
_INDENTED = re.compile(r"(?:^|(?<=\n\n))(?: {4}.*\n?)+", re.M)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)


def prose(text):
    """The page without code."""
    return _CODE.sub("", _INDENTED.sub("", _FENCE.sub("", text)))


def links(text):
    """Targets of all links and pictures."""
    return re.findall(r"\]\(([^()\s]+(?:\([^()]*\))?)\)", prose(text))


def anchors(text):
    """Anchors of all headings that GitHub and Python-Markdown agree on, and those given in HTML."""
    headings = re.findall(r"^#{1,6} (.+?)\s*#*$", _INDENTED.sub("", _FENCE.sub("", text)), re.M)
    words = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {here for word in words if (here := github(word)) == python_markdown(word)}


def github(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def python_markdown(heading):
    """The anchor that Python-Markdown gives a heading."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
