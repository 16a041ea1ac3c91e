"""MkDocs calls this: it adds the pages that are made from the code."""

import sys
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2])


def on_files(files: Any, config: Any) -> Any:
    """Add every page of ``docs.made`` to the site's files."""
    from mkdocs.structure.files import File

    if ROOT not in sys.path:  # MkDocs loads this file by its path
        sys.path.insert(0, ROOT)
    from docs.made import pages

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
