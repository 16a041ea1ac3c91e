// Transposes, and the matrices of a layer's backward pass: their rows are the forward columns without the
// lanes beyond H.
#pragma once

#include "layout.h"

namespace odyssey {

// to[j][i] = from[i][j] of an N × N square: halves of ever larger squares change places.
template <int N, class Real>
inline void transpose_square(Rows<const Real> from, Rows<Real> to) {
  typedef Real Row __attribute__((vector_size(N * sizeof(Real)), aligned(alignof(Real)), may_alias));
  using Lanes = decltype(Row{} < Row{});
  Row rows[N];
  Lanes lane{};
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) {
    rows[i] = *reinterpret_cast<const Row*>(from[i]);
    lane[i] = i;
  }
#pragma GCC unroll 4
  for (int half = 1; half < N; half *= 2) {
    const Lanes low = lane + (lane & half) / half * (N - half);
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) {
      if (i & half) continue;
      const Row a = rows[i], b = rows[i + half];
      rows[i] = __builtin_shuffle(a, b, low);
      rows[i + half] = __builtin_shuffle(a, b, low + half);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) *reinterpret_cast<Row*>(to[i]) = rows[i];
}

// to[j][i] = from[i][j] for i < rows, j < columns, in squares as large as fit.
template <class Real, int N = kLanes<Real>>
void transpose(Rows<const Real> from, int rows, int columns, Rows<Real> to) {
  constexpr int smaller = N > 4 ? 4 : 1;
  const int right = columns / N * N, below = rows / N * N;
  for (int i = 0; i < below; i += N)
    for (int j = 0; j < right; j += N)
      if constexpr (N > 1) transpose_square<N, Real>({from[i] + j, from.stride}, {to[j] + i, to.stride});
      else to[j][i] = from[i][j];
  if constexpr (N > 1) {
    transpose<Real, smaller>(from.from_column(right), below, columns - right, to.from(right));
    transpose<Real, smaller>(from.from(below), rows - below, columns, to.from_column(below));
  }
}

// From panels of `rows` rows (values in front of the matrix) with blocks First.. per unit, to
// backward panels with `width` blocks per unit.
template <int First, class Real, class V>
void transpose_blocks(const LayerLayout<Real, V>& layout, const Real* from, int rows, Real* to, int width) {
  constexpr int L = kLanes<Real>, B = V::blocks - First;
  const Split& target = layout.backward_panels;
  for (int part = 0; part < target.parts; ++part) {
    const int first = target.start(part), units = target.width(part);
    const std::size_t row = std::size_t(units) * width * L;
    Real* panel = to + std::size_t(first) * L * width * B * layout.hidden;
    const int last = layout.units - 1;
    if (first + units == layout.units)  // lanes beyond H
      for (std::size_t at = 0; at < row * B * layout.hidden; at += row)
        for (int gate = 0; gate < width; ++gate)
          std::fill_n(panel + at + ((last - first) * width + gate) * L + layout.lanes(last),
                      L - layout.lanes(last), Real(0));
    for (int source = 0; source < layout.units; ++source)
      for (int g = 0; g < B; ++g) {
        const auto place = layout.place(rows, B, g, source);
        Real* out = panel + layout.row_of(B, g, source) * row;
        for (int u = first; u < first + units; ++u)
          for (int gate = 0; gate < width; ++gate)
            transpose<Real>({from + place.begin + layout.row_of(width, gate, u) * place.row, place.row},
                            layout.lanes(u), layout.lanes(source),
                            {out + ((u - first) * width + gate) * L, std::ptrdiff_t(row)});
      }
  }
}

// W' (columns × inputs, padded with zeros to whole vectors); returns its row's length.
template <class Real, class V>
std::size_t transpose_inputs(const LayerLayout<Real, V>& layout, const Real* from, Real* to) {
  constexpr int L = kLanes<Real>;
  const std::size_t padded = (layout.inputs + L - 1) / L * L;
  std::fill_n(to, layout.columns() * padded, Real(0));
  layout.each_panel([&](std::size_t column, int vectors) {
    const Real* W = from + column * layout.inputs;
    const std::size_t width = std::size_t(vectors) * L;
    for (int d = 0; d < layout.inputs; ++d)
      for (std::size_t j = 0; j < width; ++j) to[(column + j) * padded + d] = W[d * width + j];
  });
  return padded;
}

}  // namespace odyssey
