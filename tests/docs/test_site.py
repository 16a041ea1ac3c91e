"""The site builds, strictly, and without network. Skips where MkDocs is not installed."""

import os
import re
import subprocess

import pytest

from tests.conftest import ROOT

#: `make docs` makes it; .ci/run makes it ahead of the tests.
PYTHON = ROOT / ".venv-docs" / "bin" / "python"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip("needs MkDocs in .venv-docs: make docs")
    folder = tmp_path_factory.mktemp("site")
    # No proxy leads anywhere: what asked the network would fail.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:1"}
    command = [PYTHON, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize(
    "page", ["index", "tutorial", "reference/config", "reference/python", "measured/kernels"]
)
def test_the_site_has_the_page(site, page):
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    assert "<h1" in text
    assert "<table>" in text or "<pre" in text


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    elements = r'<(?:script|img|iframe|link(?=[^>]*rel="?(?:stylesheet|preload|icon)))[^>]*'
    fetched = elements + r'(?:src|href)="?(https?:[^" >]+)'
    for page in pages:
        assert re.findall(fetched, page.read_text(encoding="utf-8")) == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:|@import", style.read_text(encoding="utf-8")), (
            style
        )


def test_no_table_or_code_of_the_pages_is_left_as_text(site):
    for page in site.rglob("*.html"):
        text = re.sub(
            r"<(pre|code|script|style)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.S
        )
        assert not re.search(r"<p>[^<]*(?:\|---|```)", text), page.name
