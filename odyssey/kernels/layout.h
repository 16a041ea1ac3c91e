// Where the parameters of a variant lie in memory.
//
// Columns: the H blocks of a layer are cut into `units` vectors of lanes, and within one vector all
// of z, i, f, o stand side by side: [z i f o of units 0..L-1] [z i f o of L..2L-1] … So what one
// vector of units needs is in registers at the same time. Lanes beyond H hold zeros.
//
// Panels: W and R are stored as a few panels of columns, each contiguous and walked front to back
// by one product: rows are inputs (W, R), the columns a panel's. Q likewise, with gates only.
#pragma once

#include "product.h"
#include "variant.h"

namespace odyssey {

template <class Real, class V>
struct LayerLayout {
  static constexpr int L = kLanes<Real>, G = V::blocks, P = V::gates;
  // Vectors of units in a panel, so that about 12 sums stay in registers. float64 serves the tests:
  // one is enough, and compiles sooner.
  static constexpr bool narrow = sizeof(Real) > sizeof(float);
  static constexpr int forward_units = narrow ? 1 : 12 / G,
                       backward_units = narrow ? 1 : V::gate_recurrence ? 12 / P : 3;
  int inputs, hidden, units;
  std::size_t W, b, R, p, Q, size;  // offsets into one direction's parameters

  LayerLayout(int inputs, int hidden)
      : inputs(inputs), hidden(hidden), units((hidden + L - 1) / L) {
    W = 0;
    b = W + std::size_t(inputs) * columns();
    R = b + columns();
    p = R + std::size_t(hidden) * columns();
    Q = p + (V::peepholes ? std::size_t(P) * padded() : 0);
    size = Q + (V::gate_recurrence ? std::size_t(P) * hidden * P * padded() : 0);
  }
  std::size_t padded() const { return std::size_t(units) * L; }
  std::size_t columns() const { return padded() * G; }
  int lanes(int unit) const { return std::min(L, hidden - unit * L); }
  int full_units() const { return hidden / L; }
  Split panels() const { return Split(units, forward_units); }
  Split backward_panels() const { return Split(units, backward_units); }

  // Offset of (row k, block g, unit j) in a panelled matrix of `rows` rows and `width` blocks.
  std::size_t in_panel(int rows, int k, int width, int g, int j) const {
    const Split split = panels();
    int panel = 0;
    while (panel + 1 < split.parts && split.start(panel + 1) <= j / L) ++panel;
    const std::size_t start = split.start(panel), row = std::size_t(split.width(panel)) * width * L;
    return start * width * L * rows + k * row + ((j / L - start) * width + g) * L + j % L;
  }
  // Row of gate g of unit j among the gates' P · H values, without the lanes beyond H.
  int gate_row(int g, int j) const {
    return (j / L) * L * P + g * lanes(j / L) + j % L;
  }

  // Calls f(array, place in it, place here) for every parameter: 0 W, 1 R, 2 b, 3 p, 4 Q, each in
  // the canonical shape of LSTMVariant.parameter_shapes.
  template <class F>
  void each(F f) const {
    const int H = hidden;
    for (int g = 0; g < G; ++g)
      for (int j = 0; j < H; ++j) {
        const std::size_t row = std::size_t(g) * H + j;
        const std::size_t w = in_panel(inputs, 0, G, g, j), r = in_panel(H, 0, G, g, j);
        const std::size_t w_step = in_panel(inputs, 1, G, g, j) - w;
        for (int d = 0; d < inputs; ++d) f(0, row * inputs + d, W + w + d * w_step);
        for (int k = 0; k < H; ++k) f(1, row * H + k, R + r + k * w_step);
        f(2, row, b + ((j / L) * G + g) * std::size_t(L) + j % L);
      }
    if constexpr (V::peepholes)
      for (int g = 0; g < P; ++g)
        for (int j = 0; j < H; ++j)
          f(3, std::size_t(g) * H + j, p + ((j / L) * P + g) * std::size_t(L) + j % L);
    if constexpr (V::gate_recurrence)
      for (int g = 0; g < P; ++g)
        for (int j = 0; j < H; ++j) {
          const std::size_t row = std::size_t(g) * H + j;
          for (int from = 0; from < P; ++from)
            for (int k = 0; k < H; ++k)
              f(4, row * P * H + std::size_t(from) * H + k,
                Q + in_panel(P * H, gate_row(from, k), P, g, j));
        }
  }
};

}  // namespace odyssey
