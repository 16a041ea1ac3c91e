"""Instructions on vectors of numbers, written in LLVM's own language through numba.

For the one loop that no compiler makes vector code of: see ``handing``.
"""

from functools import partial
from typing import Any

from llvmlite import ir
from numba.core import cgutils

I32, I64, F64, F32 = ir.IntType(32), ir.IntType(64), ir.DoubleType(), ir.FloatType()
#: The most that a vector holds.
MOST_LANES = 8


def whole(value: int) -> ir.Constant:
    """Return a constant of 64 bits."""
    return ir.Constant(I64, value)


def lanes_of(context: Any) -> int:
    """Return how many float64 a vector of the processor holds that code is made for; 0: none.

    That is 8 with AVX-512, 4 with AVX2; vectors of other processors are not written here.
    """
    features = set(context.codegen().magic_tuple()[2].split(","))
    if {"+avx512f", "+avx512vl"} <= features:
        return 8
    return 4 if "+avx2" in features else 0


class Vectors:
    """Instructions on ``lanes`` numbers at a time, appended to ``builder``."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.places = ir.VectorType(I32, lanes)
        self.numbers = ir.VectorType(F64, lanes)

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call an instruction of LLVM by its name."""
        kind = ir.FunctionType(result, [each.type for each in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    def pick(self, one: Any, two: Any, lanes: list[int]) -> Any:
        """Return the numbered lanes of two vectors that stand one behind the other."""
        return self.builder.shuffle_vector(
            one, two, ir.Constant(ir.VectorType(I32, len(lanes)), lanes)
        )

    def everywhere(self, number: Any) -> Any:
        """Return a vector that holds one number in all lanes."""
        nothing = ir.Constant(self.numbers, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.Constant(I32, 0))
        return self.pick(first, nothing, [0] * self.lanes)

    def larger(self, one: Any, two: Any) -> Any:
        """Return the larger number in each lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", one, two), one, two)

    def smaller(self, one: Any, two: Any) -> Any:
        """Return the smaller number in each lane."""
        return self.builder.select(self.builder.fcmp_ordered("<", one, two), one, two)

    def row(self, array: Any, number: Any) -> Any:
        """Return where a row of an array (rows, columns) in C's order begins."""
        _, columns = cgutils.unpack_tuple(self.builder, array.shape)
        size = self.builder.mul(columns, array.itemsize)
        begin = self.builder.ptrtoint(array.data, I64)
        return self.builder.add(begin, self.builder.mul(number, size))

    def at(self, base: Any, index: Any, kind: Any, size: int) -> Any:
        """Return a pointer to entry ``index``, of ``size`` bytes, of what begins at ``base``."""
        place = self.builder.add(base, self.builder.mul(index, whole(size)))
        return self.builder.inttoptr(place, kind.as_pointer())

    def load(self, base: Any, index: Any, kind: Any, size: int) -> Any:
        """Return what lies from an entry on: one, or a vector of them."""
        return self.builder.load(self.at(base, index, kind, size), align=size)

    def store(self, value: Any, base: Any, index: Any, size: int) -> None:
        """Write one entry or a vector of them."""
        self.builder.store(value, self.at(base, index, value.type, size), align=size)

    def pairs(self, base: Any, ids: Any, first: Any) -> tuple[Any, Any]:
        """Return the first and the second of the two neighbours at each of the places in a list."""
        found = []
        for lane in range(self.lanes):
            place = self.load(ids, self.builder.add(first, whole(lane)), I32, 4)
            wide = self.builder.zext(place, I64)
            found.append(self.load(base, wide, ir.VectorType(F64, 2), 8))
        even, odd = self._joined(found[::2]), self._joined(found[1::2])
        first_of = [lane + self.lanes * side for lane in range(0, self.lanes, 2) for side in (0, 1)]
        return self.pick(even, odd, first_of), self.pick(even, odd, [n + 1 for n in first_of])

    def _joined(self, parts: list[Any]) -> Any:
        while len(parts) > 1:
            lanes = list(range(2 * parts[0].type.count))
            neighbours = zip(parts[::2], parts[1::2], strict=True)
            parts = [self.pick(one, two, lanes) for one, two in neighbours]
        return parts[0]

    def packed(self, kept: Any, share: Any, place: Any) -> tuple[Any, Any, Any]:
        """Return shares and places of the lanes that are kept, at the front, and how many."""
        mask = self.builder.zext(self.builder.bitcast(kept, ir.IntType(self.lanes)), I64)
        if self.lanes == 8:
            count = self.call("llvm.ctpop.i64", I64, mask)
            return *(self._compressed(each, kept) for each in (share, place)), count
        row = partial(self.load, self.builder.ptrtoint(_table(self.builder.module), I64))
        at = self.builder.mul(mask, whole(8))  # a row has 64 bytes
        eight, four = ir.VectorType(I32, 8), ir.VectorType(F32, 4)
        words = self.builder.bitcast(share, eight)
        shares = self.call("llvm.x86.avx2.permd", eight, words, row(at, eight, 8))
        places = self.call(
            "llvm.x86.avx.vpermilvar.ps",
            four,
            self.builder.bitcast(place, four),
            row(self.builder.add(at, whole(4)), self.places, 8),
        )
        count = row(self.builder.add(at, whole(6)), I64, 8)
        back = self.builder.bitcast
        return back(shares, self.numbers), back(places, self.places), count

    def _compressed(self, values: Any, kept: Any) -> Any:
        letter = "f" if values.type is self.numbers else "i"
        bits = 64 if letter == "f" else 32
        name = f"llvm.x86.avx512.mask.compress.v8{letter}{bits}"
        return self.call(name, values.type, values, ir.Constant(values.type, None), kept)

    def total(self, values: Any) -> Any:
        """Return the sum of all lanes."""
        while values.type.count > 1:
            half = values.type.count // 2
            low, high = (self.pick(values, values, list(range(a, a + half))) for a in (0, half))
            values = self.builder.fadd(low, high)
        return self.builder.extract_element(values, ir.Constant(I32, 0))


def _table(module: ir.Module) -> ir.GlobalVariable:
    """Return AVX2's table: for each mask of four lanes where the kept ones go, and their number.

    A row is 16 words: eight that say it of halves of float64, four of words, the number.
    """
    name = "odyssey.kept_lanes"
    if name in module.globals:
        return module.globals[name]
    rows = []
    for mask in range(16):
        kept = [lane for lane in range(4) if mask >> lane & 1]
        places = (kept + [0] * 4)[:4]
        halves = [2 * lane + half for lane in places for half in (0, 1)]
        rows.append([*halves, *places, len(kept), 0, 0, 0])
    kind = ir.VectorType(I32, 16)
    table = ir.GlobalVariable(module, ir.ArrayType(kind, 16), name)
    table.initializer = ir.Constant(table.value_type, [ir.Constant(kind, row) for row in rows])
    table.global_constant, table.linkage, table.align = True, "internal", 64
    return table
