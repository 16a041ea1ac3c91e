"""Run by an interpreter that has the package fanova: its fractions, its time, its trees.

Reads {X, y, trees} as JSON from standard input, factors on [0, 1]; writes JSON. NumPy's old alias
is put back, which fanova 2.0 still uses.
"""

import json
import sys
import time
from itertools import combinations

import numpy as np

vars(np)["float"] = float


def boxes(nodes):
    """Leaf boxes of one tree in pyrfr's own notation."""
    stack, found = [(0, [0.0] * D, [1.0] * D)], ([], [], [])
    while stack:
        node, lower, upper = stack.pop()
        left, right = nodes[node]["value3"].values()
        if left == right == 0:
            mean = nodes[node]["value6"]["value0"]
            for part, value in zip(found, (lower, upper, mean), strict=True):
                part.append(value)
            continue
        feature, cut = nodes[node]["value5"]["value0"], nodes[node]["value5"]["value1"]
        for child, bound in ((left, upper), (right, lower)):
            low, high = lower.copy(), upper.copy()
            (high if bound is upper else low)[feature] = cut
            stack.append((child, low, high))
    return dict(zip(("lower", "upper", "value"), found, strict=True))


given = json.load(sys.stdin)
X, y = np.array(given["X"]), np.array(given["y"])
D = X.shape[1]

import ConfigSpace  # noqa: E402
from fanova import fANOVA  # noqa: E402

space = ConfigSpace.ConfigurationSpace()
for j in range(D):
    space.add(ConfigSpace.UniformFloatHyperparameter(f"x{j}", 0, 1))
forest = fANOVA(X, y, config_space=space, n_trees=given["trees"], seed=1)
sets = [(j,) for j in range(D)] + (list(combinations(range(D), 2)) if given["pairs"] else [])
start = time.process_time()
for factors in sets:
    forest.quantify_importance(tuple(f"x{j}" for j in factors))
seconds = time.process_time() - start
fractions = {
    ",".join(map(str, factors)): forest.quantify_importance(tuple(f"x{j}" for j in factors))[
        tuple(f"x{j}" for j in factors)
    ]["individual importance"]
    for factors in sets
}
trees = json.loads(forest.the_forest.ascii_string_representation())["value1"]
print()
json.dump(
    {
        "seconds": seconds,
        "fractions": {key: float(value) for key, value in fractions.items()},
        "trees": [boxes(tree["value0"]) for tree in trees],
    },
    sys.stdout,
)
