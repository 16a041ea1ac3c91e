// The sums of a panel for several rows at once: what `accumulate` adds up for one row, in the same order.
#pragma once

#include "product.h"

namespace odyssey {

// What the sums of `rows` rows and a panel of `vectors` vectors are made of. All matrices are panels, contiguous.
struct PanelSums {
  static constexpr int kRows = 12;  // at most: two tiles of six, as they come for AVX-512 and AVX2
  static constexpr int kMostVectors = 12, kMostPartial = 4;
  static constexpr std::size_t kScratch =
      std::size_t(kMostPartial - 1) * kRows * kWidest * kLanes<float>;  // floats

  int rows, vectors;
  // What the first partial sum starts from: the bias and the inputs' product, then what lies in `besides`, a
  // row of kMostVectors vectors for each. Null: nothing.
  const float* bias = nullptr;
  Rows<const float> x{};
  int inputs = 0;
  const float *W = nullptr, *besides = nullptr;
  // The recurrent product, none where y has no data: `count` numbers of a row, then `runs` times `run`, each of
  // which the partial sums share out anew.
  Rows<const float> y{};
  const float* R = nullptr;
  int count = 0, runs = 0, run = 0;
};

// Where one vector of a panel's sums goes: so many lanes in each row.
struct Place {
  float* to;
  std::ptrdiff_t apart;
  int lanes;
};

// Calls f(r, n) for every vector of a tile.
template <int R, int N, class F>
inline __attribute__((always_inline)) void each_vector(F f) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) f(r, n);
}

// Calls f(height, first row) for tiles of N vectors, which together have so many rows.
template <int N, class F>
void each_tile(int rows, F f) {
  constexpr int most = std::min((kManyRegisters ? 24 : 12) / N, kManyRegisters ? 12 : 8);
  int i = 0;
  const auto all = [&](auto height) {
    for (; i + height <= rows; i += height) f(height, i);
  };
  all(std::integral_constant<int, most>{});
  if constexpr (most > 4) all(std::integral_constant<int, 4>{});
  if constexpr (most > 2) all(std::integral_constant<int, 2>{});
  all(std::integral_constant<int, 1>{});
}

// sum[r][n] += Σ_k left(r, k) right(k, n), every step-th number of the rows on the left
template <int R, int N>
inline __attribute__((always_inline)) void add_products(Vector<float> (&sum)[R][N], Rows<const float> left,
                                                        std::ptrdiff_t step, const float* right,
                                                        std::ptrdiff_t width, int count) {
  const std::ptrdiff_t apart = left.stride;
  for (const float* from = left.data; count > 0; --count, from += step, right += width) {
    Vector<float> row[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) row[n] = load(right + n * kLanes<float>);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vector<float> factor = broadcast(from[r * apart]);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[r][n] += factor * row[n];
    }
  }
}

// Partial sum number u of `partial` of a tile: rows from i on, vectors from `column` on. As in `accumulate`, the
// first one takes the numbers that are left over.
template <int R, int N>
inline __attribute__((always_inline)) void add_tile(Vector<float> (&sum)[R][N], const PanelSums& of, int i,
                                                    int column, int u, int partial) {
  constexpr int L = kLanes<float>;
  const std::ptrdiff_t width = std::ptrdiff_t(of.vectors) * L;
  clear<float>(sum);
  if (u == 0 && of.bias) {
    each_vector<R, N>([&](int r, int n)
                          __attribute__((always_inline)) { sum[r][n] = load(of.bias + (column + n) * L); });
    add_products<R, N>(sum, of.x.from(i), 1, of.W + column * L, width, of.inputs);
  }
  if (u == 0 && of.besides)
    each_vector<R, N>([&](int r, int n) __attribute__((always_inline)) {
      sum[r][n] = load(of.besides + ((i + r) * PanelSums::kMostVectors + column + n) * L) + sum[r][n];
    });
  if (!of.y.data) return;
  const int step = stride_of<float>(partial, of.vectors);
  Rows<const float> y = of.y.from(i);
  const float* right = of.R + column * L;
  const auto add = [&](int from, int steps, int count) __attribute__((always_inline)) {
    add_products<R, N>(sum, y.from_column(from), steps, right + from * width, steps * width, count);
  };
  for (int run = 0, count = of.count; run <= of.runs; ++run, count = of.run) {
    const int whole = partial == 1 ? count : count / step * step;
    add(u, partial, whole / partial);
    if (u == 0 && whole < count) add(whole, 1, count - whole);
    y.data += count;
    right += count * width;
  }
}

// The same; all but the last one wait in `scratch`, and the last one puts their sum, in pairs as `fold` does, in
// its place.
template <int R, int N>
void tile_sums(const PanelSums& of, int i, int column, int u, int partial, float* scratch,
               const Place* places) {
  constexpr int L = kLanes<float>;
  Vector<float> sum[R][N];
  add_tile<R, N>(sum, of, i, column, u, partial);
  const auto other = [&](int u, int r, int n) __attribute__((always_inline)) {
    return scratch + ((std::size_t(u) * PanelSums::kRows + i + r) * N + n) * L;
  };
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) {
    if (u + 1 < partial) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) store(other(u, r, n), sum[r][n]);
      continue;
    }
    if (partial == 2)
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum[r][n] = load(other(0, r, n)) + sum[r][n];
    if (partial == 4)
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
        sum[r][n] = (load(other(0, r, n)) + load(other(1, r, n))) + (load(other(2, r, n)) + sum[r][n]);
    const Place& at = places[n];
    if (at.lanes == L)
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) store(at.to + (i + r) * at.apart, sum[r][n]);
    else
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) store_first(at.to + (i + r) * at.apart, sum[r][n], at.lanes);
  }
}

// Makes all sums of a panel.
//   partial  in how many parts: 1, 2 or 4
//   scratch  PanelSums::kScratch floats
//   place    place(n) says where vector n goes
template <class Where>
void panel_sums(const PanelSums& of, int partial, float* scratch, Where place) {
  const Split columns(of.vectors, kWidest);
  for (int part = 0; part < columns.parts; ++part) {
    const int column = columns.start(part);
    with_constant<kWidest>(columns.width(part), [&](auto width) {
      constexpr int N = width;
      Place places[N];
      for (int n = 0; n < N; ++n) places[n] = place(column + n);
      for (int u = 0; u < partial; ++u)
        each_tile<N>(of.rows, [&](auto height, int i) {
          tile_sums<height, N>(of, i, column, u, partial, scratch, places);
        });
    });
  }
}

}  // namespace odyssey
