"""``.npz``: every array under its own name, and ``about``, what they are of, as JSON."""

import json
from pathlib import Path

import numpy as np

from odyssey.export.weights import Trained
from odyssey.storage.files import replacing


def write_npz(trained: Trained, path: Path) -> dict[str, tuple[int, ...]]:
    """Write a network of any cell; return name → shape of what was written."""
    about = np.array(json.dumps(dict(trained.about)))
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, about=about, **dict(trained.parameters))
    return {name: value.shape for name, value in trained.parameters.items()}
