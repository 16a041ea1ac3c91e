"""How the cost of fANOVA grows with trials and factors: ours and optuna's, fit included.

CPU seconds of one thread, the least of some repeats in turns. ``peer`` is a Python with optuna
or optuna-fast-fanova: their main effects alone are measured. Each size has a process of its own.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

SIZES = ((200, 4), (1000, 8), (1000, 32), (10_000, 8))
TREES = 64
#: Beyond this many trials optuna's own evaluator takes many minutes.
MOST_FOR_OPTUNA = 200


def made_up(n, d):
    import numpy as np

    random = np.random.default_rng(0)
    X = random.random((n, d))
    y = np.sin(6 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * X[:, -1]
    return X, y + 0.2 * random.normal(size=n)


def ours(n, d, setting, workers=1):
    import pandas as pd

    from odyssey.analysis import FunctionalANOVA
    from odyssey.study.search import Uniform

    X, y = made_up(n, d)
    names = [f"x{j}" for j in range(d)]
    anova = FunctionalANOVA(
        {name: Uniform(0, 1) for name in names},
        trees=TREES,
        setting=setting,
        totals=False,
        random_state=0,
        workers=workers,
    )
    anova.fit(pd.DataFrame(X[:20], columns=names), y[:20])  # compiles
    start = time.process_time()
    anova.fit(pd.DataFrame(X, columns=names), y)
    return time.process_time() - start


def theirs(n, d, fast):
    import optuna

    if fast:
        from optuna_fast_fanova import FanovaImportanceEvaluator
    else:
        from optuna.importance import FanovaImportanceEvaluator
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X, y = made_up(n, d)
    law = {f"x{j}": optuna.distributions.FloatDistribution(0, 1) for j in range(d)}
    study = optuna.create_study()
    rows = zip(X.tolist(), y.tolist(), strict=True)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(zip(law, row, strict=True)), distributions=law, value=value
            )
            for row, value in rows
        ]
    )
    start = time.process_time()
    FanovaImportanceEvaluator(n_trees=TREES, seed=0).evaluate(study)
    return time.process_time() - start


def measure(sizes=SIZES, peer=None, repeats=3):
    """Yield (trials, factors, {what: (CPU seconds, MiB at most)}) size by size."""
    for n, d in sizes:
        asked = {f"ours, {s}": (sys.executable, "ours", s) for s in ("paper", "accurate")}
        if peer:
            asked["optuna-fast-fanova, mains"] = (str(peer), "theirs", "fast")
            if n <= MOST_FOR_OPTUNA:
                asked["optuna, mains"] = (str(peer), "theirs", "")
        found = {}
        for _ in range(repeats):
            for what, (python, side, how) in asked.items():
                answer = _in_a_process(python, side, n, d, how)
                found[what] = min(found.get(what, answer), answer)
        yield n, d, found


def _in_a_process(python, side, n, d, how):
    words = [python, __file__, side, str(n), str(d), how]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    root = str(Path(__file__).parents[1])
    environment = os.environ | one | ({"PYTHONPATH": root} if side == "ours" else {})
    ran = subprocess.run(words, capture_output=True, encoding="utf-8", env=environment)
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeError(f"{python}: {last}")
    return tuple(json.loads(ran.stdout.splitlines()[-1]))


def processor():
    """Return the processor's name and the load of the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((li.split(":")[1].strip() for li in lines if li.startswith("model name")), None)
    return f"{name or platform.processor()}, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    side, n, d, how = sys.argv[1:]
    seconds = ours(int(n), int(d), how) if side == "ours" else theirs(int(n), int(d), how == "fast")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, memory]))
