// A network of any of the library's variants: what MXNet's operators and the C interface adapt. Nothing
// here knows a framework.
#pragma once

#include <memory>

#include "network.h"
#include "variants.h"

namespace odyssey {

// Parameters are in two forms: `theta` and the rule's `state`, flat and padded (size() floats each array), and
// the canonical arrays of NetworkSpec.parameter_shapes, one pointer each.
class AnyNetwork {
 public:
  virtual ~AnyNetwork() = default;
  virtual const NetworkShape& shape() const = 0;
  virtual std::size_t size() const = 0;
  virtual int frames() const = 0;  // of the last pass
  virtual void use(Helper* helper) = 0;
  virtual Shapes shapes() const = 0;
  virtual void pack(const std::vector<const float*>& arrays, float* theta) const = 0;
  virtual void unpack(const float* theta, const std::vector<float*>& arrays) const = 0;
  // The five passes are those of Network, which says what every pointer is.
  virtual double step(const float* x, int T, const float* target, int labels, const Noise& noise,
                      float* theta, float* state, const Rule& rule) = 0;
  virtual double evaluate(const float* x, int T, const float* target, int labels, const float* theta,
                          float* outputs) = 0;
  virtual void evaluate(const std::vector<Presented>& sequences, const float* theta, double* losses) = 0;
  virtual void forward(const float* x, int T, const Noise& noise, const float* theta, float* outputs) = 0;
  virtual void learn(const float* gradient, float* theta, float* state, const Rule& rule) = 0;
};

// A network whose passes share `arena`, which must outlive it. Throws std::invalid_argument for
// switches that the library does not carry and for sizes below 1.
std::unique_ptr<AnyNetwork> new_network(unsigned switches, const NetworkShape& shape, Arena& arena);

}  // namespace odyssey
