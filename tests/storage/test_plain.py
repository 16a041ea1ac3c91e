"""Records become plain JSON and come back; what is no such record is refused in one line."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.storage.plain import NotTheRecord, from_json, optional, to_json


@dataclass(frozen=True)
class Leaf:
    share: float
    low: float | None = optional()


@dataclass(frozen=True)
class Lost:
    reason: str


@dataclass(frozen=True)
class Tree:
    kind: Literal["oak", "fir"]
    size: int
    tall: bool
    best: Leaf | None
    pair: tuple[str, float]
    leaves: tuple[Leaf | Lost, ...]
    by_name: Mapping[str, tuple[float, ...]]
    levels: tuple[float | int | bool | str, ...]


numbers = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.builds(Leaf, numbers, st.none() | numbers)
trees = st.builds(
    Tree,
    st.sampled_from(["oak", "fir"]),
    st.integers(),
    st.booleans(),
    st.none() | leaves,
    st.tuples(st.text(), numbers),
    st.lists(leaves | st.builds(Lost, st.text())).map(tuple),
    st.dictionaries(st.text(), st.lists(numbers).map(tuple)),
    st.lists(numbers | st.integers() | st.booleans() | st.text()).map(tuple),
)


@given(trees)
def test_every_record_comes_back(tree):
    text = json.dumps(to_json(tree), allow_nan=False)
    again = from_json(Tree, json.loads(text))
    assert again == tree
    assert json.dumps(to_json(again)) == text


def test_an_unknown_number_is_null_and_an_absent_one_has_no_key():
    assert to_json(Leaf(math.nan)) == {"share": None}
    assert to_json(Leaf(0.5, math.nan)) == {"share": 0.5, "low": None}
    for plain in ({"share": None}, {"share": 0.5, "low": None}, {"share": 1, "low": 0}):
        assert to_json(from_json(Leaf, plain)) == plain
    assert math.isnan(from_json(Leaf, {"share": None}).share)
    assert from_json(Leaf, {"share": 1}).low is None


WHOLE = {
    "kind": "oak",
    "size": 3,
    "tall": True,
    "best": None,
    "pair": ["a", 1.5],
    "leaves": [{"share": 1.0}, {"reason": "lost"}],
    "by_name": {"x": [1.0, 2]},
    "levels": [],
}


def test_a_whole_number_stays_one():
    tree = from_json(Tree, WHOLE)
    assert tree.leaves == (Leaf(1.0), Lost("lost"))
    assert json.dumps(to_json(tree)) == json.dumps(WHOLE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 2.5}, "size must be a whole number, is 2.5"),
        ({"size": True}, "size must be a whole number, is True"),
        ({"tall": 1}, "tall must be true or false, is 1"),
        ({"kind": "elm"}, "kind must be one of oak, fir, is 'elm'"),
        ({"kind": ["oak"]}, "kind must be one of oak, fir"),
        ({"best": 3}, r"best must be an object \(Leaf\), is 3"),
        ({"pair": ["a"]}, "pair must be a list of 2"),
        ({"pair": ["a", "b"]}, "pair.1 must be a number, is 'b'"),
        ({"leaves": {}}, "leaves must be a list"),
        ({"leaves": [{"share": "x"}]}, "leaves.0.share must be a number, is 'x'"),
        ({"leaves": [{"shares": 1}]}, "leaves.0 lacks share and has unknown shares"),
        ({"by_name": {"x": [1, None, "y"]}}, "by_name.x.2 must be a number, is 'y'"),
        ({"levels": [[]]}, r"levels.0 must be float or int or bool or str, is \[\]"),
        ({"more": 1}, "the file has unknown more"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(changes, message):
    with pytest.raises(NotTheRecord, match=message) as error:
        from_json(Tree, WHOLE | changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, [], "x" * 1000, 3, {}])
def test_something_else_entirely_is_refused(value):
    with pytest.raises(NotTheRecord) as error:
        from_json(Tree, value)
    assert len(str(error.value)) < 200
