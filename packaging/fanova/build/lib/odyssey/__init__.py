"""Rerun, resume and extend the study "LSTM: A Search Space Odyssey" (Greff et al., 2017)."""

import os
import sys

__version__ = "0.1.0"


def _prefer_own_packages() -> None:
    """Look for packages in the environment first, and in the folders of PYTHONPATH last.

    Clusters' modules put their own NumPy there, which MXNet 1.9.1 and the analysis can't use.
    """
    named = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    strange = {path for path in map(os.path.abspath, named) if not path.startswith(sys.prefix)}
    sys.path.sort(key=lambda path: path in strange)


_prefer_own_packages()
