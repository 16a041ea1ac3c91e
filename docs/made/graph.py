"""A graph drawn floor by floor; the file says what it shows, so that a test can compare."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INK, LINE, WASH, BLUE = "#20242a", "#8a8f98", "#eef3f8", "#0072b2"
#: Of a box and of the way between two, in inches.
WIDTH, HEIGHT, GAP_X, GAP_Y = 1.62, 0.42, 0.18, 0.34


@dataclass(frozen=True)
class Graph:
    """Nodes with a word on each, which may be empty, and arrows from one node to others.

    ``apart`` are nodes that no arrow reaches; they stand in a row of their own.
    """

    words: Mapping[str, str]
    arrows: Mapping[str, frozenset[str]]
    apart: frozenset[str] = frozenset()

    def facts(self) -> str:
        """Return nodes and arrows as JSON that is equal where the graphs are."""
        rows = {name: sorted(self.arrows.get(name, ())) for name in sorted(self.words)}
        return json.dumps(rows, sort_keys=True)


def reduced(arrows: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Return the arrows that no way over others replaces."""

    def below(name: str) -> set[str]:
        found = set(arrows.get(name, ()))
        return found | {deeper for other in found for deeper in below(other)}

    return {
        name: frozenset(to for to in ends if not any(to in below(other) for other in ends))
        for name, ends in arrows.items()
    }


def floors(graph: Graph) -> list[list[str]]:
    """Return the nodes floor by floor from the ground.

    Each is as low as its arrows allow; what stands on nothing is right below its users.
    """
    users = {name: [n for n, ends in graph.arrows.items() if name in ends] for name in graph.words}

    @cache
    def height(name: str) -> int:
        return 1 + max(map(height, graph.arrows.get(name, ())), default=-1)

    rows: list[list[str]] = []
    for name in graph.words:
        if name not in graph.apart:
            free = not graph.arrows.get(name) and users[name]
            floor = min(map(height, users[name])) - 1 if free else height(name)
            rows += [[] for _ in range(floor + 1 - len(rows))]
            rows[floor].append(name)
    for k in range(1, len(rows)):  # above what they stand on
        below = {name: n / len(rows[k - 1]) for n, name in enumerate(rows[k - 1])}
        rows[k].sort(key=lambda name: _middle(graph.arrows.get(name, ()), below))
    return rows


def _middle(ends: Iterable[str], places: Mapping[str, float]) -> float:
    found = [places[end] for end in ends if end in places]
    return sum(found) / len(found) if found else 0.5


def draw(graph: Graph, path: Path, *, downwards: bool) -> Figure:
    """Draw a graph to a PNG; ``downwards`` puts what nothing leads to on top, else the ground."""
    rows = floors(graph)
    if graph.apart:
        rows = [sorted(graph.apart), *rows]
    wide = max(map(len, rows))
    width = wide * (WIDTH + GAP_X) + GAP_X
    height = len(rows) * (HEIGHT + GAP_Y) + GAP_Y
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    places = {}
    for k, row in enumerate(rows):
        for n, name in enumerate(row):
            x = width / 2 + (n - (len(row) - 1) / 2) * (WIDTH + GAP_X)
            y = GAP_Y + HEIGHT / 2 + k * (HEIGHT + GAP_Y)
            places[name] = (x, y if downwards else height - y)
    step = HEIGHT / 2 if downwards else -HEIGHT / 2
    for name, ends in graph.arrows.items():
        for end in sorted(ends):
            (x0, y0), (x1, y1) = places[name], places[end]
            ways = {"arrowstyle": "-|>", "color": LINE, "lw": 1.1, "shrinkA": 0, "shrinkB": 1}
            if abs(y0 - y1) > 1.5 * (HEIGHT + GAP_Y):  # around the floor between
                ways["connectionstyle"] = f"arc3,rad={0.42 if x1 <= x0 else -0.42}"
            start, stop = (x0, y0 - step), (x1, y1 + step)
            if not downwards:  # data flow from the ground up: the arrow points at its user
                start, stop = stop, start
            axes.annotate("", stop, start, arrowprops=ways, zorder=1)
    for name, (x, y) in places.items():
        dashed = name in graph.apart
        box = FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="white" if dashed else WASH,
            edgecolor=LINE if dashed else BLUE,
            linestyle="--" if dashed else "-",
            zorder=2,
        )
        axes.add_patch(box)
        word = graph.words[name]
        axes.text(x, y + (0.085 if word else 0), name, ha="center", va="center", fontsize=10.5)
        axes.text(x, y - 0.105, word, ha="center", va="center", fontsize=8.5, color="#4b525c")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, metadata={"Description": graph.facts(), "Software": None})
    return figure
