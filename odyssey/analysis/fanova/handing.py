"""A list of leaves is handed on to both children of a split, several leaves at a time.

A split divides the share of each leaf in the ratio of the leaf's lengths on both sides; what lies
on a side goes into a list of the child, or into a sum where the child is a leaf. Which entries a
list gets is known only as they are divided, and a compiler makes no vector code of such a loop. So
it is written in vectors here: eight leaves at a time with AVX-512, four with AVX2.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import signature
from numba.extending import intrinsic, overload

from odyssey.analysis.fanova.lanes import F64, I64, MOST_LANES, Vectors, lanes_of, whole

#: Whole vectors are stored: lists need room for so many entries beyond their ends.
ROOM = MOST_LANES
_PLACE, _NUMBER = types.uint64, types.float64
#: lists, shares and ends; side, start and end of a list; factor, cut, low and high edge of a node;
#: where the children's lists end.
_ARGUMENTS = (
    types.Tuple([types.Array(kind, 2, "C") for kind in (types.uint32, _NUMBER, _NUMBER)]),
    types.UniTuple(_PLACE, 3),
    types.Tuple((_PLACE, _NUMBER, _NUMBER, _NUMBER)),
    types.UniTuple(_PLACE, 2),
)
Handed = tuple[np.uint64, np.uint64, np.uint64, float, float]
_RESULT = types.Tuple((_PLACE, _PLACE, _PLACE, _NUMBER, _NUMBER))


def _hand_on(*keeps: bool) -> Callable[..., Handed]:
    """Return the function for splits whose left and right child keep lists, or sums.

    It returns the first entry of the list that is not done yet, where the children's lists end
    then, and the sums.
    """

    @intrinsic
    def in_vectors(typing: Any, work: Any, entries: Any, node: Any, to: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            work, entries, node, to = (cgutils.unpack_tuple(builder, each) for each in values)
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args[0], work, strict=True)
            ]
            found = [entries[1], *to, ir.Constant(F64, 0), ir.Constant(F64, 0)]
            if lanes := lanes_of(context):
                found = _loop(Vectors(builder, lanes), arrays, entries, node, to, keeps)
            return context.make_tuple(builder, signature.return_type, found)

        return signature(_RESULT, *_ARGUMENTS), write

    def hand_on(work: Any, entries: Any, node: Any, to: Any) -> Handed:
        return entries[1], *to, 0.0, 0.0

    @overload(hand_on)
    def _(work: Any, entries: Any, node: Any, to: Any) -> Any:
        def inside(work: Any, entries: Any, node: Any, to: Any) -> Any:
            return in_vectors(work, entries, node, to)  # type: ignore[call-arg]

        return inside

    return hand_on


keep_both, keep_left, keep_right, keep_neither = (
    _hand_on(left, right)
    for left, right in ((True, True), (True, False), (False, True), (False, False))
)


def _loop(v: Vectors, arrays: Any, entries: Any, node: Any, to: Any, keeps: Any) -> list[Any]:
    """Append the loop over whole vectors of the list; return what ``hand_on`` returns."""
    builder, (side, start, end), zero = v.builder, entries, ir.Constant(v.numbers, None)
    before, body, after = builder.block, *map(builder.append_basic_block, ("vectors", "done"))
    first = [start, *to, zero, zero]

    def go_on(at: Any) -> None:
        whole_vector = builder.icmp_unsigned("<=", builder.add(at, whole(v.lanes)), end)
        builder.cbranch(whole_vector, body, after)

    go_on(start)
    builder.position_at_end(body)
    now = [builder.phi(each.type) for each in first]
    found = _one_vector(v, arrays, side, node, now, keeps)
    go_on(found[0])
    builder.position_at_end(after)
    last = [builder.phi(each.type) for each in first]
    for phis in (now, last):
        for phi, begin, again in zip(phis, first, found, strict=True):
            phi.add_incoming(begin, before)
            phi.add_incoming(again, body)
    return [*last[:3], *map(v.total, last[3:])]


def _one_vector(v: Vectors, arrays: Any, side: Any, node: Any, now: Any, keeps: Any) -> list[Any]:
    """Append the division of one vector of leaves; return the loop's values after it."""
    builder, (lists, shares, ends) = v.builder, arrays
    at, *to = now[:3]
    factor, *edges = node
    cut, floor, ceiling = map(v.everywhere, edges)
    places = v.row(lists, side), v.row(shares, side)
    share, place = v.load(places[1], at, v.numbers, 8), v.load(places[0], at, v.places, 4)
    low, high = v.pairs(v.row(ends, factor), places[0], at)
    bottom, edge = v.larger(low, floor), v.smaller(high, ceiling)
    middle = v.smaller(v.larger(cut, bottom), edge)
    share = builder.fdiv(share, builder.fsub(edge, bottom))
    parts = builder.fsub(middle, bottom), builder.fsub(edge, middle)
    inside = builder.fcmp_ordered(">", cut, bottom), builder.fcmp_ordered("<", cut, edge)
    sums = list(now[3:])
    for k, (part, kept) in enumerate(zip(parts, inside, strict=True)):
        part = builder.fmul(share, part)
        if not keeps[k]:
            sums[k] = builder.fadd(sums[k], part)
            continue
        packed, names, count = v.packed(kept, part, place)
        child = ir.Constant(I64, k)
        v.store(packed, v.row(shares, child), to[k], 8)
        v.store(names, v.row(lists, child), to[k], 4)
        to[k] = builder.add(to[k], count)
    return [builder.add(at, whole(v.lanes)), *to, *sums]
