"""Screenshots for the docs, through a headless Chromium; the pictures are small.

python -m docs.made.screens report results/report.html     # its first screen, wide and narrow
python -m docs.made.screens status my-study.yaml …         # in the study's folder
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parents[1] / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--virtual-time-budget=4000"),
)
_PAGE = """<body style="margin: 0; background: #20242a"><pre style="margin: 0; padding: 14px 18px;
font: 14px/1.28 'DejaVu Sans Mono', monospace; color: #e3e6ea; width: max-content">{code}</pre>"""


def screenshot(page: Path, out: Path, width: int, height: int) -> None:
    """Write what a browser window of this size shows of a page, in at most 128 colours."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("screenshots need chromium on the PATH: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw.png")
        size, profile = f"--window-size={width},{height}", f"--user-data-dir={folder}/profile"
        command = [browser, *FLAGS, size, profile, f"--screenshot={raw}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        out.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(raw) as picture:
            picture.convert("RGB").quantize(128).save(out, optimize=True)


def report(page: str) -> None:
    """Show the first screen of a report at 1280 and at 400 pixels."""
    screenshot(Path(page), PICTURES / "report.png", 1280, 800)
    screenshot(Path(page), PICTURES / "report-narrow.png", 400, 800)


def status(*files: str) -> None:
    """Show what ``odyssey status --watch`` draws on a terminal of 80 columns and 24 lines."""
    from rich.console import Console

    from odyssey.study.study import read_study
    from odyssey.views.progress import status_view

    terminal = Console(
        record=True, width=80, height=24, force_terminal=True, color_system="truecolor"
    )
    terminal.print(status_view(read_study([Path(file) for file in files]), 24))
    code = terminal.export_html(inline_styles=True, code_format="{code}")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "status.html")
        page.write_text(
            f"<!doctype html><meta charset=utf-8>{_PAGE.format(code=code)}", encoding="utf-8"
        )
        screenshot(page, PICTURES / "status.png", 720, 300)


if __name__ == "__main__":
    {"report": report, "status": status}[sys.argv[1]](*sys.argv[2:])
