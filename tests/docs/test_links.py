"""Every link of the docs leads somewhere, on GitHub and in the site; no page is left out of it."""

import itertools
import posixpath
import re

import pytest
import yaml

from docs.made import pages
from tests.conftest import ROOT
from tests.support.markdown import anchors, github, links, prose, python_markdown

MADE = {f"docs/{path}": text for path, text in pages().items()}
WRITTEN = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
}
TEXTS = WRITTEN | MADE


def broken(page, texts):
    """What a page links to that is not there."""
    for link in links(texts[page]):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (
            posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) if target else page
        )
        lost = path not in texts and not (ROOT / path).exists()
        if lost or (anchor and anchor not in anchors(texts.get(path, ""))):
            yield link


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_every_link_and_anchor_leads_somewhere(page):
    assert list(broken(page, TEXTS)) == []


@pytest.mark.parametrize("link", ["no.md", "b.md#no", "#no", "b.md#code", "b.md#größe"])
def test_a_broken_link_is_found(link):
    texts = {"a.md": f"# One\n\n[x]({link})\n", "b.md": "# Two\n\n```\n# code\n```\n\n# Größe\n"}
    assert list(broken("a.md", texts)) == [link]


def test_links_in_code_are_none_and_good_ones_are_no_trouble():
    text = "# A `b` — c\n\n[x](#here) `[y](no.md)`\n\n    [z](no.md)\n\n## Here\n"
    assert list(broken("a.md", {"a.md": text})) == []
    assert github("A b: c") == python_markdown("A b: c") == "a-b-c"


@pytest.mark.parametrize("page", sorted(name for name in TEXTS if name.startswith("docs/")))
def test_the_sites_pages_link_within_the_site(page):
    assert [link for link in links(TEXTS[page]) if link.startswith("../..")] == []
    if posixpath.dirname(page) == "docs":
        assert [link for link in links(TEXTS[page]) if link.startswith("../")] == []


def test_every_page_is_in_the_sites_navigation_once():
    class Loader(yaml.SafeLoader):
        pass

    def names(entries):
        for entry in entries:
            if isinstance(entry, str):
                yield entry
            else:
                (value,) = entry.values()
                yield from [value] if isinstance(value, str) else names(value)

    site = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    found = [f"docs/{name}" for name in names(site["nav"])]
    assert sorted(found) == sorted(name for name in TEXTS if name.startswith("docs/"))


@pytest.mark.parametrize("page", sorted(WRITTEN))
def test_lists_and_tables_stand_apart_as_the_sites_markdown_needs_it(page):
    lines = prose(WRITTEN[page]).splitlines()
    for before, line in itertools.pairwise(lines):
        for start in (r"[-*] ", r"\d+\. ", r"\|"):
            if re.match(start, line) and before.strip() and not before.startswith(" "):
                assert re.match(start, before) or not re.match(r"\S", before), (before, line)
