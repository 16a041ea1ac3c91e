"""Pages of the site that are made from the code, when the site is built: none can go stale.

Needed are click, PyYAML and the standard library, so the site builds without MXNet and NumPy.
"""

from docs.made import api, choices, commands, config

#: Path of a page in the site → what makes its text.
PAGES = {
    "reference/config.md": config.page,
    "reference/command-line.md": commands.page,
    "reference/python.md": api.page,
    "reference/choices.md": choices.page,
}


def pages() -> dict[str, str]:
    """Return path → Markdown of every page that is made from the code."""
    return {path: page() for path, page in PAGES.items()}
