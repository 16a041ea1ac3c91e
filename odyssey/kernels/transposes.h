// The matrices of a layer's backward pass: rows are the forward columns without the lanes beyond H.
#pragma once

#include "layout.h"

namespace odyssey {

// From panels of `rows` rows (values in front of the matrix) with blocks First.. per unit, to
// backward panels with `width` blocks per unit.
template <int First, class Real, class V>
void transpose_blocks(const LayerLayout<Real, V>& layout, const Real* from, int rows, Real* to,
                      int width) {
  constexpr int L = kLanes<Real>, B = V::blocks - First;
  const Split target = layout.backward_panels();
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
