// The variants that a library carries: ODYSSEY_ROWS(ROW) is ROW(switches) for each of them, from the
// compiler's command line.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "batch.h"
#include "layer.h"

namespace odyssey {

// Compiled once, in direction.cc and batch.cc.
#define ODYSSEY_DECLARE(switches)                            \
  extern template class Direction<float, Variant<switches>>; \
  extern template class Batch<Variant<switches>>;
ODYSSEY_ROWS(ODYSSEY_DECLARE)
#undef ODYSSEY_DECLARE

// Calls f(Variant<…>{}) for the variant with these switches.
template <class F>
void with_variant(unsigned switches, F f) {
#define ODYSSEY_TRY(row) \
  if (switches == row) return f(Variant<row>{});
  ODYSSEY_ROWS(ODYSSEY_TRY)
#undef ODYSSEY_TRY
  throw std::invalid_argument("this library has no variant with switches " + std::to_string(switches));
}

using Shapes = std::vector<std::vector<unsigned>>;

// Appends the canonical shapes of one direction's parameters.
template <class V>
void layer_shapes(unsigned inputs, unsigned hidden, Shapes& shapes) {
  const unsigned Z = V::blocks, G = V::gates, P = V::vectors;
  shapes.push_back({Z * hidden, inputs});
  shapes.push_back({Z * hidden, hidden});
  shapes.push_back({Z * hidden});
  if (P) shapes.push_back({P * hidden});
  if (V::gate_recurrence) shapes.push_back({G * hidden, G * hidden});
}

// Where the array of that number in `each` stands among the canonical ones, which skip p and Q
// where the variant has none.
template <class V>
int canonical(int array, int directions) {
  constexpr bool p = V::vectors > 0;
  const int per_direction = 3 + p + V::gate_recurrence;
  if (array >= kLayerArrays * directions)
    return per_direction * directions + array - kLayerArrays * directions;
  const int within = array % kLayerArrays;
  return per_direction * (array / kLayerArrays) + within - (within == 4 && !p);
}

}  // namespace odyssey
