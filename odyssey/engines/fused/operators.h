// What the operator files share: attributes, errors, shapes. Each library names its operators after its
// key (ODYSSEY_KEY), so that several can be loaded side by side.
#pragma once

#include <mxnet/lib_api.h>

#include "variants.h"

#define ODYSSEY_NAME(op) "odyssey_" op "_" ODYSSEY_KEY

namespace odyssey {

using namespace mxnet::ext;
using Attributes = std::unordered_map<std::string, std::string>;
using Tensors = std::vector<MXTensor>;

inline int attribute(const Attributes& attributes, const char* name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) throw std::invalid_argument(std::string("missing attribute ") + name);
  return std::stoi(found->second);
}

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

inline CustomOp& operation(const char* name) {
  return Registry<CustomOp>::get()->add(name);
}

}  // namespace odyssey
