"""A headless Chromium that opens a page from disk and says what it did."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--virtual-time-budget=10000", "--enable-logging=stderr"),
)


@dataclass(frozen=True)
class Visit:
    """What a page printed to the console, asked of the network, and left in its title."""

    console: list[str]
    requests: list[str]
    said: dict[str, object]


def visit(page: Path, folder: Path, script: str = "") -> Visit:
    """Open the page with ``script`` at its end; what that returns, JSON, becomes ``said``."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("needs chromium on PATH: apt-get install chromium")
    ending = (
        "<script>(async () => { let said; try { said = await (async () => {"
        + script
        + "})(); } catch (error) { said = { error: String(error) }; }"
        " document.documentElement.setAttribute('data-said', JSON.stringify(said)); })();</script>"
    )
    head, _, tail = page.read_text().rpartition("</body>")
    (folder / "page.html").write_text(f"{head}{ending}</body>{tail}")
    log = folder / "net.json"
    ran = subprocess.run(
        [
            *(browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"),
            *("--dump-dom", (folder / "page.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return Visit(
        [line for line in ran.stderr.splitlines() if "CONSOLE" in line],
        _requests(log),
        json.loads(_attribute(ran.stdout, "data-said")),
    )


def _requests(log: Path) -> list[str]:
    """Return the addresses that the page asked for; the browser's own end in google or gvt1."""
    events = json.loads(log.read_text())["events"]
    urls = {event.get("params", {}).get("url", "") for event in events}
    return sorted(
        url
        for url in urls
        if url.startswith(("http:", "https:", "ws:", "wss:"))
        and not any(host in url for host in ("google", "gvt1.com"))
    )


def _attribute(dom: str, name: str) -> str:
    text = dom.split(f'{name}="', 1)[1].split('"', 1)[0]
    return (
        text.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )
