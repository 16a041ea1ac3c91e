"""The pictures show the code as it is, and are small."""

import json

import pytest
from PIL import Image

from docs.made.graph import Graph, draw, floors, reduced
from docs.made.pictures import PICTURES, ROOT, architecture, workflow
from tests.test_architecture import ARROWS, MODULES, modules_entered

ADVICE = "it is no longer so: make pictures"


def shown(name):
    with Image.open(PICTURES / f"{name}.png") as picture:
        return picture.text["Description"]


@pytest.mark.parametrize(
    ("name", "graph"), [("architecture", architecture), ("workflow", workflow)]
)
def test_the_picture_shows_the_code_as_it_is(name, graph):
    assert shown(name) == graph().facts(), ADVICE


def test_the_arrows_drawn_and_those_implied_are_the_imports_between_folders():
    graph = architecture()
    imports = {name: set() for name in graph.words}
    for module in set(MODULES) - {"odyssey"}:
        imports[module.split(".")[1]] |= {
            name.split(".")[1] for name in modules_entered(MODULES[module])
        }

    def below(name):
        return set(graph.arrows.get(name, ())) | {
            deeper for other in graph.arrows.get(name, ()) for deeper in below(other)
        }

    for name in set(graph.words) - graph.apart:
        entered = imports[name] - {name} - graph.apart
        assert set(graph.arrows[name]) <= entered <= below(name)
    assert {room.split("/")[0] for room in ARROWS} == set(graph.words)


def test_arrows_that_others_imply_are_left_out():
    arrows = {"a": {"b", "c", "d"}, "b": {"c"}, "c": set(), "d": set()}
    assert reduced(arrows) == {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": set()}


def test_every_node_stands_above_what_it_stands_on():
    graph = architecture()
    height = {name: k for k, row in enumerate(floors(graph)) for name in row}
    assert set(height) == set(graph.words) - graph.apart
    assert all(height[end] < height[name] for name, ends in graph.arrows.items() for end in ends)


def test_a_picture_has_every_word_and_arrow(tmp_path):
    graph = Graph({"a": "first", "b": "", "c": "third"}, {"a": frozenset("b")}, frozenset("c"))
    figure = draw(graph, tmp_path / "graph.png", downwards=True)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(filter(None, texts)) == ["a", "b", "c", "first", "third"]
    assert (
        sum(
            hasattr(text, "arrow_patch") and text.arrow_patch is not None
            for text in figure.axes[0].texts
        )
        == 1
    )
    with Image.open(tmp_path / "graph.png") as picture:
        assert json.loads(picture.text["Description"]) == {"a": ["b"], "b": [], "c": []}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "pictures").glob("*")), ids=lambda p: p.name
)
def test_pictures_are_small(path):
    assert path.stat().st_size < 150_000
