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
  const Split source = layout.panels(), target = layout.backward_panels();
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
    for (int k = 0; k < source.parts; ++k) {
      const int start = source.start(k);
      const std::ptrdiff_t source_width = source.width(k) * B * L;
      const Real* matrix = from + std::size_t(start) * B * L * rows;
      for (int unit = 0; unit < source.width(k); ++unit)
        for (int g = 0; g < B; ++g)
          for (int u = first; u < first + units; ++u)
            for (int gate = 0; gate < width; ++gate) {
              const int lanes = layout.lanes(start + unit), count = layout.lanes(u);
              const std::size_t k0 = std::size_t(u) * L * width + std::size_t(gate) * count;
              Real* out = panel + (std::size_t(start + unit) * L * B + std::size_t(g) * lanes) * row +
                          ((u - first) * width + gate) * L;
              const Real* in = matrix + k0 * source_width + (unit * B + g) * L;
              transpose<Real>({in, source_width}, count, lanes, {out, std::ptrdiff_t(row)});
            }
    }
  }
}

// W' (columns × inputs, padded with zeros to whole vectors); returns its row's length.
template <class Real, class V>
std::size_t transpose_inputs(const LayerLayout<Real, V>& layout, const Real* from, Real* to) {
  constexpr int L = kLanes<Real>;
  const std::size_t padded = (layout.inputs + L - 1) / L * L;
  std::fill_n(to, layout.columns() * padded, Real(0));
  const Split split = layout.panels();
  for (int k = 0; k < split.parts; ++k) {
    const std::size_t column = std::size_t(split.start(k)) * V::blocks * L;
    const std::size_t width = std::size_t(split.width(k)) * V::blocks * L;
    const Real* W = from + column * layout.inputs;
    for (int d = 0; d < layout.inputs; ++d)
      for (std::size_t j = 0; j < width; ++j) to[(column + j) * padded + d] = W[d * width + j];
  }
  return padded;
}

}  // namespace odyssey
