"""The vector code of the sums over pairs of trees: every instruction set has the same sums."""

import os
import pickle
import platform
import subprocess
import sys

import numpy as np
import pytest
from numba.core.registry import cpu_target

from odyssey.analysis.fanova.forest import grow
from odyssey.analysis.fanova.hierarchy import hierarchy
from odyssey.analysis.fanova.lanes import lanes_of
from odyssey.analysis.fanova.overlap import products
from tests.conftest import ROOT

AVX2 = "+64bit,+avx,+avx2,+bmi,+bmi2,+cmov,+cx8,+fma,+fxsr,+lzcnt,+popcnt,+sse4.1,+sse4.2,+xsave"
CODE = """
import pickle, sys
from odyssey.analysis.fanova.lanes import lanes_of
from odyssey.analysis.fanova.overlap import products
from numba.core.registry import cpu_target
with open(sys.argv[1], "rb") as file:
    print(lanes_of(cpu_target.target_context), repr(products(pickle.load(file))))
"""
HERE = lanes_of(cpu_target.target_context)
needs_avx2 = pytest.mark.skipif(not HERE, reason="needs a processor with AVX2")
needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64")


@pytest.fixture(scope="module")
def trees():
    """Trees of leaves that meet some 5 to 60 of another tree's: all lengths of lists."""
    random = np.random.default_rng(5)
    u = random.random((90, 3)).astype(np.float32)
    y = random.normal(size=90)
    return hierarchy(grow(u, y, np.arange(90), [0, 0, 0], 5, "accurate", np.random.RandomState(0)))


def run(trees, folder, **environment):
    """Return lanes and sum of another process."""
    (folder / "trees").write_bytes(pickle.dumps(trees))
    place = {"NUMBA_CACHE_DIR": str(folder / "cache")}
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(folder / "trees")],
        cwd=ROOT,
        env=os.environ | place | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lanes, found = ran.stdout.split()
    return int(lanes), float(found)


@pytest.mark.parametrize(
    ("lanes", "environment"),
    [
        pytest.param(
            4, {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2}, marks=needs_avx2
        ),
        pytest.param(
            0, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2"}, marks=needs_x86
        ),
        (HERE, {"NUMBA_DISABLE_JIT": "1"}),
    ],
    ids=["avx2", "plain", "uncompiled"],
)
def test_other_instruction_sets_have_the_sums_of_this_processors(
    trees, tmp_path, lanes, environment
):
    asked, found = run(trees, tmp_path, **environment)
    assert asked == lanes
    assert found == pytest.approx(products(trees), rel=1e-13)
