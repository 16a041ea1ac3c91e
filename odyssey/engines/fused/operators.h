// What the operator files share: attributes, errors, shapes, the variant of a call. Each library
// carries one set of variants (ODYSSEY_ROWS) and names its operators after its key (ODYSSEY_KEY), so
// that several can be loaded side by side.
#pragma once

#include <mxnet/lib_api.h>

#include "layer.h"

#define ODYSSEY_NAME(op) "odyssey_" op "_" ODYSSEY_KEY

namespace odyssey {

using namespace mxnet::ext;
using Attributes = std::unordered_map<std::string, std::string>;
using Tensors = std::vector<MXTensor>;
using Shapes = std::vector<std::vector<unsigned>>;

inline int attribute(const Attributes& attributes, const char* name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) throw std::invalid_argument(std::string("missing attribute ") + name);
  return std::stoi(found->second);
}

// Compiled once, in direction.cc.
#define ODYSSEY_ROW(row) extern template class Direction<float, Variant<row>>;
ODYSSEY_ROWS(ODYSSEY_ROW)
#undef ODYSSEY_ROW

// Every function that MXNet calls: an exception becomes its error message.
template <class F>
MXReturnValue guarded(F f) {
  try {
    f();
    return MX_SUCCESS;
  } catch (const std::exception& error) {
    MX_ERROR_MSG << error.what();
    return MX_FAIL;
  }
}

// Calls f(Variant<…>{}) for the row with these switches.
template <class F>
void with_variant(unsigned switches, F f) {
#define ODYSSEY_ROW(row) \
  if (switches == row) return f(Variant<row>{});
  ODYSSEY_ROWS(ODYSSEY_ROW)
#undef ODYSSEY_ROW
  throw std::invalid_argument("this library has no variant with switches " + std::to_string(switches));
}

inline std::string written(const std::vector<unsigned>& shape) {
  std::string text = "(";
  for (std::size_t k = 0; k < shape.size(); ++k) text += (k ? ", " : "") + std::to_string(shape[k]);
  return text + ")";
}

inline void expect(const char* what, const std::vector<unsigned>& came,
            const std::vector<unsigned>& expected) {
  if (came != expected)
    throw std::invalid_argument(std::string(what) + " must have the shape " + written(expected) +
                                ", got " + written(came));
}

// Each thread keeps the memory of its largest call.
inline Arena& scratch() {
  static thread_local Arena arena;
  return arena;
}

// Appends the canonical shapes of one direction's parameters.
template <class V>
void layer_shapes(unsigned inputs, unsigned hidden, Shapes& shapes) {
  const unsigned G = V::blocks, P = V::gates;
  shapes.push_back({G * hidden, inputs});
  shapes.push_back({G * hidden, hidden});
  shapes.push_back({G * hidden});
  if (V::peepholes) shapes.push_back({P * hidden});
  if (V::gate_recurrence) shapes.push_back({P * hidden, P * hidden});
}

// Where the array of that number in `each` stands among the canonical ones, which skip p and Q
// where the variant has none.
template <class V>
int canonical(int array, int directions) {
  const int per_direction = 3 + V::peepholes + V::gate_recurrence;
  if (array >= 5 * directions) return per_direction * directions + array - 5 * directions;
  const int within = array % 5;
  return per_direction * (array / 5) + within - (within == 4 && !V::peepholes);
}

inline CustomOp& operation(const char* name) {
  return Registry<CustomOp>::get()->add(name);
}

}  // namespace odyssey
