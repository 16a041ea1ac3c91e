"""Speed and accuracy of the variance decomposition, beside optuna's and the package fanova's.

CPU seconds of one thread, medians. ``peer`` is a Python interpreter that has the package fanova
(pip install fanova, which needs swig), in an environment of its own: it is measured on its own
trees, which are then decomposed by ours.
"""

import json
import math
import statistics
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import yaml
from sklearn.ensemble import RandomForestRegressor

from odyssey.analysis import FunctionalANOVA
from odyssey.analysis.comparison import compare_task
from odyssey.analysis.fanova.boxes import Boxes, leaves
from odyssey.analysis.fanova.forest import Setting
from odyssey.analysis.fanova.of_study import Settings, decompose_task
from odyssey.analysis.fanova.sweep import mean_variances, tree_variances
from odyssey.study.search import Uniform
from odyssey.study.study import Study
from odyssey.tasks import TASKS

NAMES = ("learning_rate", "hidden", "noise", "momentum")
SETTINGS = get_args(Setting)
SPACE = {name: Uniform(0, 1) for name in NAMES}


def linear(u):
    return math.sqrt(3) * (2 * u - 1)


def bowl(u):
    return math.sqrt(5) * (6 * u * u - 6 * u + 1)


def basin(u):
    """Flat and bad at low rates, a wide floor, a cliff at high ones; mean 0, variance 1."""
    grid = (np.arange(20000) + 0.5) / 20000
    shape = 0.7 / (1 + np.exp(-30 * (grid - 0.75))) + 1 / (1 + np.exp(14 * (grid - 0.5)))
    return np.interp(u, grid, (shape - shape.mean()) / shape.std())


#: name → function of the learning rate, shares of the four, of rate × hidden and of rate × noise.
STUDIES = {
    "linear": (linear, (0.80, 0.10, 0.04, 0.01, 0.03, 0.02)),
    "bowl": (bowl, (0.80, 0.12, 0.06, 0.02, 0.0, 0.0)),
    "basin": (basin, (0.72, 0.12, 0.05, 0.005, 0.05, 0.055)),
}


def made_up(study, n, noise, seed):
    """Coordinates (n, 4), figures with ``noise`` standard deviations of theirs, true shares."""
    of_rate, shares = STUDIES[study]
    random = np.random.default_rng(seed)
    X = random.random((n, 4))
    rate, hidden, spread, momentum = X.T
    terms = (of_rate(rate), linear(1 - hidden), bowl(spread), linear(momentum))
    terms += (of_rate(rate) * linear(hidden), of_rate(rate) * linear(spread))
    y = sum(math.sqrt(share) * term for share, term in zip(shares, terms, strict=True))
    return X, y + noise * random.normal(size=n), np.array(shares[:4])


def cpu_seconds(function, repeats=7):
    """Median CPU seconds of a call, after one that compiles."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def ask_peer(peer, X, y, trees, pairs):
    """What the package fanova makes of the figures: seconds, fractions, trees."""
    script = Path(__file__).with_name("fanova_peer.py")
    question = {"X": X.tolist(), "y": y.tolist(), "trees": trees, "pairs": pairs}
    ran = subprocess.run(
        [peer, "-I", script],
        input=json.dumps(question),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(ran.stdout.splitlines()[-1])


def speed(peer=None, trials=200, trees=100):
    """Yield (what, seconds) of all main effects and pairs of one search."""
    X, y, _ = made_up("basin", trials, 0.05, 0)
    if peer:
        theirs = ask_peer(peer, X, y, trees, pairs=True)
        yield "fanova: mains and pairs, its trees", theirs["seconds"]
        ours = FunctionalANOVA.from_boxes(theirs["trees"])
        yield (
            "ours: mains and pairs, the same trees",
            cpu_seconds(lambda: tree_variances(ours.boxes_, rest=False)),
        )
        differences = [
            abs(value - ours.fraction(*(f"x{j}" for j in key.split(",")))["fraction"])
            for key, value in theirs["fractions"].items()
        ]
        yield "largest difference of a fraction (no seconds)", max(differences)
    forest = RandomForestRegressor(trees, max_features=2, random_state=0).fit(X, y)
    grown = [tree.tree_ for tree in forest.estimators_]
    yield from optuna_speed(grown)
    boxes = Boxes.stack(leaves(tree, [0] * 4) for tree in grown)
    yield "ours: mains and pairs", cpu_seconds(lambda: tree_variances(boxes, rest=False))
    yield "ours: mains, pairs and totals", cpu_seconds(lambda: tree_variances(boxes))
    yield (
        "ours: mains and pairs of the mean forest",
        cpu_seconds(lambda: mean_variances(boxes, rest=False)),
    )
    for setting in SETTINGS:
        yield f"growing the forest, {setting}", cpu_seconds(partial(fit, X, y, setting, 0))


def optuna_speed(trees):
    """Yield optuna's time for the main effects alone, where it is installed."""
    try:
        from optuna.importance._fanova._tree import _FanovaTree
    except ImportError:
        return
    bounds = np.array([[0.0, 1.0]] * 4)
    start = time.process_time()
    for tree in trees:
        theirs = _FanovaTree(tree, bounds)
        for j in range(4):
            theirs.get_marginal_variance(np.array([j]))
    yield "optuna: mains only", time.process_time() - start


def fit(X, y, setting, seed):
    frame = pd.DataFrame(X, columns=list(NAMES))
    return FunctionalANOVA(SPACE, setting=setting, totals=False, random_state=seed).fit(frame, y)


def accuracy(peer=None, repeats=10, trials=200, noise=0.05):
    """Yield (study, method, mean error of the main effects, mean fractions)."""
    for study in STUDIES:
        found = {}
        for seed in range(repeats):
            X, y, truth = made_up(study, trials, noise, seed)
            for setting in SETTINGS:
                effects = fit(X, y, setting, seed).effects_
                found.setdefault(f"{setting}, per tree", []).append(effects.fraction[:4])
                found.setdefault(f"{setting}, mean forest", []).append(effects.mean_forest[:4])
            if peer and seed < 3:
                theirs = ask_peer(peer, X, y, 100, pairs=False)["fractions"]
                found.setdefault("fanova", []).append(list(theirs.values()))
        for method, fractions in found.items():
            errors = np.abs(np.array(fractions) - truth)
            yield study, method, errors.mean(), np.mean(fractions, axis=0)


def whole(trials=200):
    """Return CPU seconds of fANOVA and comparison of the paper's study, bootstrap excluded."""
    config = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8"))
    study = Study(config)
    tables = {task: study_table(study, task, trials) for task in study.tasks}
    settings = Settings(trees=100, forest="paper", bootstrap=0)
    decompose_task(tables["jsb"][:20], study.search_space("jsb"), ["V"], settings)  # compiles
    start = time.process_time()
    for task, table in tables.items():
        decompose_task(table, study.search_space(task), study.variants, settings)
        compare_task(table, study.variants)
    return time.process_time() - start


def study_table(study, task, trials):
    """Trials of a made-up study in the columns that the analysis reads; the fastest diverge."""
    space, rows = study.search_space(task), []
    random = np.random.default_rng(0)
    for variant in study.variants:
        for k in range(trials):
            drawn = study.trial(task, variant, k).hyperparameters
            u = np.array([space[name].cdf(drawn[name]) for name in NAMES])
            test = 20 + 5 * basin(u[0]) - 2 * linear(u[1]) + random.normal()
            status = "diverged" if u[0] > 0.96 else "finished"
            test = TASKS[task].worst if u[0] > 0.96 else test
            rows.append(
                {"task": task, "variant": variant, "trial": k, **drawn}
                | {"test": test, "valid": test + 0.1 * random.normal(), "status": status}
                | {"seconds": 100 * (1 + u[1]), "parameters": 1000, "worst": TASKS[task].worst}
            )
    return pd.DataFrame(rows)
