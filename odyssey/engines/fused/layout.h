// Where the parameters of a variant lie in memory.
//
// Columns: the H blocks of a layer are cut into `units` vectors of lanes, and within one vector all
// of z, i, f, o stand side by side: [z i f o of units 0..L-1] [z i f o of L..2L-1] … So what one
// vector of units needs is in registers at the same time. Lanes beyond H hold zeros.
//
// The blocks of the last H mod L units share vectors where that saves one: all lanes of z, then all
// of i, … in as few vectors as hold them. (Not with full gate recurrence, whose gates have columns
// without z.)
//
// Panels: W and R are stored as a few panels of columns, each contiguous and walked front to back
// by one product: rows are inputs (W, R), the columns a panel's. Q likewise, with gates only. Shared
// vectors belong to the last panel, so that they and its own see each number of y once.
#pragma once

#include "product.h"
#include "../variant.h"

namespace odyssey {

// Arrays of one direction's parameters: W, R, b, p, Q.
constexpr int kLayerArrays = 5;

template <class Real, class V>
struct LayerLayout {
  static constexpr int L = kLanes<Real>, Z = V::blocks, G = V::gates, P = V::vectors;
  // Vectors of units in a panel: so many that the sums stay in registers, and with AVX-512 so few that
  // what comes from L2 comes in time. float64 serves the tests: one is enough, and
  // compiles sooner.
  static constexpr bool narrow = sizeof(Real) > sizeof(float);
  static constexpr int forward_vectors = kManyRegisters ? 4 : 12;
  static constexpr int forward_units = narrow ? 1 : std::max(1, forward_vectors / Z),
                       backward_units = narrow               ? 1
                                        : V::gate_recurrence ? 12 / G
                                                             : 4;
  int inputs, hidden;
  int units;  // vectors of units
  int rest;   // lanes in the shared vectors, 0 where there are none
  int whole;  // vectors of units before those
  std::size_t W, b, R, p, Q, size;  // offsets into one direction's parameters, in floats
  // Vectors of units, shared out among panels: found once, since a frame asks for them.
  Split panels{0, 1}, backward_panels{0, 1};

  LayerLayout(int inputs, int hidden)
      : inputs(inputs), hidden(hidden), units((hidden + L - 1) / L), rest(hidden % L) {
    if (V::gate_recurrence || rest_vectors() == Z) rest = 0;
    whole = units - (rest > 0);
    panels = split_units();
    backward_panels = Split(units, backward_units);
    W = 0;
    b = W + std::size_t(inputs) * columns();
    R = b + columns();
    p = R + std::size_t(hidden) * columns();
    Q = p + std::size_t(P) * padded();
    size = Q + (V::gate_recurrence ? std::size_t(G) * hidden * G * padded() : 0);
  }
  std::size_t padded() const { return std::size_t(units) * L; }
  std::size_t columns() const { return (std::size_t(whole) * Z + rest_vectors()) * L; }
  int rest_vectors() const { return (rest * Z + L - 1) / L; }
  int lanes(int unit) const { return std::min(L, hidden - unit * L); }
  int full_units() const { return hidden / L; }
  // The shared vectors are in the last panel: in the place of a vector of units, or besides where
  // there are registers for both.
  // With 16 registers and four blocks a large layer has panels of two vectors of units, and one of three where
  // their number is odd: of three each, a tenth more would come from L2 into 32 KiB of L1. All widths have one
  // sum for each vector, except two units of which some are shared: these stay in a panel of three.
  Split split_units() const {
    const int places = whole + (rest && !kManyRegisters);
    constexpr bool pairs = !kManyRegisters && forward_units == 3 && Z == 4 && !V::gate_recurrence;
    if (pairs && places > 8 && !(rest && places % 3 == 0)) return Split::into(places / 2, places);
    return Split(places, forward_units);
  }
  int panel_count() const { return std::max(1, panels.parts); }
  struct Panel {
    int start, whole, shared;  // first vector of units, how many, and shared vectors
  };
  Panel panel(int k) const {
    const int start = panels.start(k);
    return {start, std::min(panels.width(k), whole - start), k + 1 == panel_count() ? rest_vectors() : 0};
  }

  // Calls f(first column, vectors) for every panel.
  template <class F>
  void each_panel(F f) const {
    for (int k = 0; k < panel_count(); ++k) {
      const Panel now = panel(k);
      f(std::size_t(now.start) * Z * L, now.whole * Z + now.shared);
    }
  }

  // Where block g of a vector of units begins in a panelled matrix of `rows` rows and `width` blocks,
  // and how far its rows are apart.
  struct Place {
    std::size_t begin;
    std::ptrdiff_t row;
  };
  Place place(int rows, int width, int g, int unit) const {
    const auto before = [&](int units) { return std::size_t(units) * width * L * rows; };
    int k = 0;
    while (k + 1 < panels.parts && panels.start(k + 1) <= unit) ++k;
    const Panel in = panel(k);
    const int apart = unit == whole ? rest : L;
    return {before(in.start) + std::size_t(unit - in.start) * width * L + std::size_t(g) * apart,
            std::ptrdiff_t(in.whole * width + in.shared) * L};
  }
  // Row of block g of a unit where `blocks` blocks of H values are rows, without the lanes beyond H.
  int row_of(int blocks, int g, int unit) const { return unit * L * blocks + g * lanes(unit); }

  // Calls f(array, place in it, place here) for every parameter: 0 W, 1 R, 2 b, 3 p, 4 Q, each in
  // the canonical shape of the cell's parameter_shapes; 3 is bn of the GRU.
  template <class F>
  void each(F f) const {
    const int H = hidden;
    for (int g = 0; g < Z; ++g)
      for (int j = 0; j < H; ++j) {
        const std::size_t row = std::size_t(g) * H + j;
        const Place w = place(inputs, Z, g, j / L), r = place(H, Z, g, j / L);
        for (int d = 0; d < inputs; ++d) f(0, row * inputs + d, W + w.begin + j % L + d * w.row);
        for (int k = 0; k < H; ++k) f(1, row * H + k, R + r.begin + j % L + k * r.row);
        const std::size_t apart = j / L == whole ? rest : L;
        f(2, row, b + std::size_t(j / L) * Z * L + g * apart + j % L);
      }
    for (int g = 0; g < P; ++g)
      for (int j = 0; j < H; ++j)
        f(3, std::size_t(g) * H + j, p + ((j / L) * P + g) * std::size_t(L) + j % L);
    if constexpr (V::gate_recurrence)
      for (int g = 0; g < G; ++g)
        for (int j = 0; j < H; ++j) {
          const std::size_t row = std::size_t(g) * H + j;
          const Place q = place(G * H, G, g, j / L);
          for (int from = 0; from < G; ++from)
            for (int k = 0; k < H; ++k)
              f(4, row * G * H + std::size_t(from) * H + k,
                Q + q.begin + j % L + (row_of(G, from, k / L) + k % L) * q.row);
        }
  }
};

}  // namespace odyssey
