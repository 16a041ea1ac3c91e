// Matrix products: whole-sequence ones in register tiles, and one row times a packed panel.
#pragma once

#include <algorithm>
#include <utility>

#include "memory.h"

namespace odyssey {

// `total` things in as few parts of at most `most` as possible, all nearly equal.
struct Split {
  int parts, base, extra;
  Split(int total, int most) : Split(into((total + most - 1) / most, total)) {}
  static Split into(int parts, int total) {
    const int base = parts ? total / parts : 0;
    return {parts, base, total - base * parts};
  }
  int start(int part) const { return part * base + std::min(part, extra); }
  int width(int part) const { return base + (part < extra); }

 private:
  Split(int parts, int base, int extra) : parts(parts), base(base), extra(extra) {}
};

// Calls f(0) … f(count − 1), or the other way round where `down`. Alternating directions keep the tail of
// the last walk in L1.
template <class F>
inline __attribute__((always_inline)) void walk(bool down, std::ptrdiff_t count, F f) {
  for (std::ptrdiff_t k = 0; k < count; ++k) f(down ? count - 1 - k : k);
}

// Calls f(integral_constant<n>) for a run-time n in Least..Most.
template <int Most, int Least = 1, class F>
inline void with_constant(int n, F&& f) {
  if constexpr (Most > Least) {
    if (n != Most) return with_constant<Most - 1, Least>(n, std::forward<F>(f));
  }
  f(std::integral_constant<int, Most>{});
}

// What a product does with its tiles: first() starts the sum of C(i, column), last() ends it.
template <class Real>
struct Store {
  Rows<Real> c;
  Vector<Real> first(int, int) const { return Vector<Real>{}; }
  void last(int i, int column, Vector<Real> sum) const { store(c[i] + column, sum); }
};
template <class Real>
struct Add : Store<Real> {
  Vector<Real> first(int i, int column) const { return load(this->c[i] + column); }
};
template <class Real>
struct Affine : Store<Real> {  // every row starts from the bias
  const Real* bias;
  Vector<Real> first(int, int column) const { return load(bias + column); }
};

// A(i, k) = data[i · i_stride + k · k_stride].
template <class Real>
struct Left {
  const Real* data;
  std::ptrdiff_t i_stride, k_stride;
};

// Numbers k of a tile's product each time round: two reach further ahead for rows that lie far apart.
constexpr int kSteps = kManyRegisters ? 2 : 1;

// Tiles of R rows from the first row up to the end. A function of its own: among others in one, g++ moves strides
// and counters through memory.
template <class Real, int R, int N, class Target>
__attribute__((noinline)) void product_tiles(Left<Real> a, Rows<const Real> b, int first, int end, int column,
                                             int K, const Target& target) {
  for (int i = first; i < end; i += R) {
    Vector<Real> sum[R][N];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[r][n] = target.first(i + r, column + n * kLanes<Real>);
    const Real* left = a.data + i * a.i_stride;
    const Real* right = b.data + column;
#pragma GCC unroll kSteps
    for (int k = 0; k < K; ++k, left += a.k_stride, right += b.stride) {
      Vector<Real> row[N];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) row[n] = load(right + n * kLanes<Real>);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vector<Real> x = broadcast(left[r * a.i_stride]);
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[r][n] += x * row[n];
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) target.last(i + r, column + n * kLanes<Real>, sum[r][n]);
  }
}

// Vectors of a row of C that a tile has at most.
constexpr int kWidest = kManyRegisters ? 4 : 2;

// Sums that a processor with two multipliers of a latency of four needs at work.
constexpr int kEnoughSums = 8;

// C(i, ·) = Σ_k A(i, k) B(k, ·), into the target's tiles.
//   a        A, M × K floats anywhere; read only, any strides, no alignment beyond that of Real
//   b        B, K rows of `vectors` whole vectors; read only, rows may be read beyond K's columns only as
//            far as those vectors; no alignment beyond that of Real
//   M, K     0 or more; with K = 0 the target gets what it started from
//   vectors  whole vectors of lanes in a row of C
//   target   first() and last() of Store, Add, Affine, or Update of update.h. Its rows must not overlap a or b: a tile is
//            written while later ones still read them. They hold whole vectors
// All memory is the caller's and is used until the return only.
template <class Real, class Target>
void product(Left<Real> a, Rows<const Real> b, int M, int vectors, int K, const Target& target) {
  constexpr int sums = kManyRegisters ? 24 : 12;
  const Split columns(vectors, kWidest);
  for (int part = 0; part < columns.parts; ++part) {
    const int column = columns.start(part) * kLanes<Real>;
    with_constant<kWidest>(columns.width(part), [&](auto width) {
      constexpr int N = width, R = std::min(sums / N, kManyRegisters ? 12 : 8);
      // The last two tiles share their rows where the last alone would have too few sums to hide their latency.
      const int rest = M % R, left = rest && rest * N < kEnoughSums && M > R ? rest + R : rest;
      int i = M - left;
      product_tiles<Real, R, N>(a, b, 0, i, column, K, target);
      while (i < M)
        with_constant<R>(M - i > R ? (left + 1) / 2 : M - i, [&](auto height) {
          product_tiles<Real, int(height), N>(a, b, i, i + height, column, K, target);
          i += height;
        });
    });
  }
}

// Holds sums in registers where g++ moves some of them through memory, each time round a loop: twelve of 16.
template <class Real, int U, int N>
inline __attribute__((always_inline)) void hold([[maybe_unused]] Vector<Real> (&sum)[U][N]) {
#if defined(ODYSSEY_INTRINSIC)
  if constexpr (!kManyRegisters && U == 1 && N == 12 && kVectorBytes == 32)
    asm(""
        : "+x"(sum[0][0]), "+x"(sum[0][1]), "+x"(sum[0][2]), "+x"(sum[0][3]), "+x"(sum[0][4]),
          "+x"(sum[0][5]), "+x"(sum[0][6]), "+x"(sum[0][7]), "+x"(sum[0][8]), "+x"(sum[0][9]),
          "+x"(sum[0][10]), "+x"(sum[0][11]));
#endif
}

// How many numbers of the vector `accumulate` takes at once, and so how it shares them out among partial sums.
template <class Real>
constexpr int stride_of(int partial, int vectors) {
  return sizeof(Real) == sizeof(float) && (vectors <= 2 || !kManyRegisters) ? 4 : partial;
}

// sum[k mod U][n] += x[k] · panel[k][n]: U partial sums hide the latency of a narrow panel's adds.
// Four numbers of x are loaded at once and spread by shuffles, since loads are what is scarce; but
// wide panels of wide vectors are slower so.
//   sum    U × N vectors in registers, added to; `clear` them first
//   x      `count` numbers, contiguous, read only
//   panel  `count` rows of N vectors, contiguous, read only; no alignment beyond that of Real
// Returns the panel's next row, panel + count · N vectors.
template <class Real, int U, int N>
inline __attribute__((always_inline)) const Real* accumulate(Vector<Real> (&sum)[U][N], const Real* x,
                                                             std::ptrdiff_t count, const Real* panel) {
  constexpr int width = N * kLanes<Real>;
  constexpr bool in_fours = sizeof(Real) == sizeof(float) && (N <= 2 || !kManyRegisters);
  const auto add = [&](int u, Vector<Real> xk, int row) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int n = 0; n < N; ++n) sum[u][n] += xk * load(panel + row * width + n * kLanes<Real>);
  };
  std::ptrdiff_t k = 0;
  constexpr int step = in_fours ? 4 : U;
  for (; k + step <= count; k += step, panel += step * width) {
    Vector<Real> xs{};
    if constexpr (in_fours) xs = load_four(x + k);
    hold<Real>(sum);
#pragma GCC unroll 16
    for (int j = 0; j < step; ++j)
      if constexpr (in_fours) add(j % U, one_of_four(xs, j), j);
      else add(j, broadcast(x[k + j]), j);
  }
  if constexpr (step > 1)
    for (; k < count; ++k, panel += width) add(0, broadcast(x[k]), 0);
  return panel;
}

// The same in blocks that are walked up or down.
constexpr std::ptrdiff_t kBlockBytes = 16 << 10;
template <class Real, int U, int N>
inline __attribute__((always_inline)) const Real* accumulate_blocks(Vector<Real> (&sum)[U][N], const Real* x,
                                                                    std::ptrdiff_t count, const Real* panel,
                                                                    bool down) {
  constexpr std::ptrdiff_t width = N * kLanes<Real>, block = kBlockBytes / (width * sizeof(Real)) / 4 * 4;
  walk(down, (count + block - 1) / block, [&](std::ptrdiff_t k) __attribute__((always_inline)) {
    const std::ptrdiff_t row = k * block;
    accumulate<Real, U, N>(sum, x + row, std::min(block, count - row), panel + row * width);
  });
  return panel + count * width;
}

// Not `= {}`, which fills memory: these stay in registers.
template <class Real, int U, int N>
inline __attribute__((always_inline)) void clear(Vector<Real> (&sum)[U][N]) {
#pragma GCC unroll 16
  for (int u = 0; u < U; ++u)
#pragma GCC unroll 16
    for (int n = 0; n < N; ++n) sum[u][n] = Vector<Real>{};
}

// sum[0] becomes the sum of all, in pairs.
template <class Real, int apart = 1, int U, int N>
inline __attribute__((always_inline)) void fold(Vector<Real> (&sum)[U][N]) {
  if constexpr (apart < U) {
#pragma GCC unroll 16
    for (int u = 0; u + apart < U; u += 2 * apart)
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) sum[u][n] += sum[u + apart][n];
    fold<Real, 2 * apart>(sum);
  }
}

// Partial sums that hide the latency of additions behind the loads of so many vectors a row.
constexpr int partial_sums(int vectors) {
  if (!kManyRegisters && vectors == 3) return 4;
  return vectors <= 2 ? 4 : vectors <= 6 ? 2 : 1;
}

// Σ_i a(i, ·), into the target's row 0.
//   a        `rows` rows of `vectors` whole vectors, any stride, read only
//   target   as for `product`; its row must not overlap a
template <class Real, class Target>
void column_sums(Rows<const Real> a, int rows, int vectors, const Target& target) {
  const Split parts(vectors, kEnoughSums);
  for (int part = 0; part < parts.parts; ++part)
    with_constant<kEnoughSums>(parts.width(part), [&](auto width) {
      constexpr int N = width;
      const int first = parts.start(part) * kLanes<Real>;
      Vector<Real> sum[N];
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) sum[n] = target.first(0, first + n * kLanes<Real>);
      for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) sum[n] += load(a[i] + first + n * kLanes<Real>);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) target.last(0, first + n * kLanes<Real>, sum[n]);
    });
}

}  // namespace odyssey
