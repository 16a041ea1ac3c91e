"""Try the analysis: where ``python -m odyssey.analysis.probe`` succeeds, a study's analysis will.

It decomposes a small function, which compiles the machine code that the study's analysis will use,
and draws a figure in the study's style.
"""

import importlib.metadata
import io
import sys

import numpy as np


def main() -> str:
    """Return one line about the software that the analysis uses here. Raises whatever stops it."""
    folder = _decompose()
    version = _draw()
    where = f"machine code is kept in {folder}"
    if folder is None:
        where = "each process compiles for 15 seconds: NUMBA_CACHE_DIR could name a folder for it"
    return f"fANOVA and figures work; matplotlib {version}; {where}"


def _decompose() -> object:
    import pandas as pd

    from odyssey.analysis import FunctionalANOVA
    from odyssey.analysis.fanova import overlap
    from odyssey.analysis.fanova.compiled import cache_folder
    from odyssey.study.search import Uniform

    generator = np.random.default_rng(0)
    x = pd.DataFrame({name: generator.random(20) for name in "ab"})
    laws = {name: Uniform(0, 1) for name in "ab"}
    FunctionalANOVA(laws, trees=2, random_state=0).fit(x, x.a)
    return cache_folder(overlap._product)


def _draw() -> str:
    import jinja2  # noqa: F401  # writes the report

    from odyssey.analysis.figures.mpl import Figure
    from odyssey.analysis.figures.plotting import style

    with style():
        figure = Figure(figsize=(2, 2), layout="constrained")
        ax = figure.subplots()
        ax.set(title="Odyssey", xscale="log")
        ax.plot([1, 10, 100], [1, 2, 3])
        for kind in ("svg", "png"):
            figure.savefig(io.BytesIO(), format=kind)
    return importlib.metadata.version("matplotlib")


if __name__ == "__main__":
    try:
        print(main())
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
