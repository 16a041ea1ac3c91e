"""Checks the distribution where it is installed alone: ``python packaging/fanova/check.py``."""

import sys
from itertools import combinations

import numpy as np
import pandas as pd

from odyssey.analysis import FunctionalANOVA
from odyssey.analysis.fanova.sweep import reference_variance
from odyssey.study.search import Choice, LogUniform, Uniform

space = {"a": Uniform(0, 1), "b": LogUniform(1e-3, 1e2), "c": Choice(("x", "y", "z"))}
random = np.random.default_rng(0)
X = pd.DataFrame({n: [law.quantile(u) for u in random.random(60)] for n, law in space.items()})
y = X.a + np.log(X.b) * (X.c == "x") + 0.1 * random.normal(size=60)
for setting in ("paper", "accurate"):
    anova = FunctionalANOVA(space, trees=2, setting=setting, random_state=0).fit(X, y)
    boxes = anova.boxes_
    mean = boxes.lower, boxes.upper, boxes.value / boxes.trees
    whole = reference_variance(*mean, range(3))
    one = {n: reference_variance(*mean, [j]) / whole for j, n in enumerate(space)}
    for name, share in one.items():
        assert abs(anova.fraction(name)["mean_forest"] - share) < 1e-12, (setting, name)
    for (i, a), (j, b) in combinations(enumerate(space), 2):
        share = reference_variance(*mean, [i, j]) / whole - one[a] - one[b]
        assert abs(anova.fraction(a, b)["mean_forest"] - share) < 1e-12, (setting, a, b)
heavy = {"mxnet", "snakemake", "h5py"} & set(sys.modules)
assert not heavy, heavy
print(f"fANOVA alone works: Python {sys.version.split()[0]}, NumPy {np.__version__}")
