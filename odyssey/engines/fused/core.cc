// The networks of all variants of the library.
#include "core.h"

namespace odyssey {

namespace {

template <class V>
class VariantNetwork final : public AnyNetwork {
 public:
  VariantNetwork(const NetworkShape& shape, Arena& arena) : network_(shape, arena) {}

  const NetworkShape& shape() const override { return network_.layout().shape; }
  std::size_t size() const override { return network_.layout().size; }
  int frames() const override { return network_.frames(); }
  void use(Helper* helper) override { network_.use(helper); }

  Shapes shapes() const override {
    Shapes shapes;
    for (int d = 0; d < shape().directions; ++d)
      layer_shapes<V>(unsigned(shape().inputs), unsigned(shape().hidden), shapes);
    const unsigned K = unsigned(shape().outputs);
    shapes.push_back({K, unsigned(shape().directions * shape().hidden)});
    shapes.push_back({K});
    return shapes;
  }

  void pack(const std::vector<const float*>& arrays, float* theta) const override {
    std::fill_n(theta, size(), 0.0f);
    network_.layout().each([&](int array, std::size_t from, std::size_t to) {
      theta[to] = arrays[canonical<V>(array, shape().directions)][from];
    });
  }
  void unpack(const float* theta, const std::vector<float*>& arrays) const override {
    network_.layout().each([&](int array, std::size_t to, std::size_t from) {
      arrays[canonical<V>(array, shape().directions)][to] = theta[from];
    });
  }

  double step(const float* x, int T, const float* target, int labels, const Noise& noise, float* theta,
              float* state, const Rule& rule) override {
    return network_.step(x, T, target, labels, noise, theta, state, rule);
  }
  double evaluate(const float* x, int T, const float* target, int labels, const float* theta,
                  float* outputs) override {
    return network_.evaluate(x, T, target, labels, theta, outputs);
  }
  void evaluate(const std::vector<Presented>& sequences, const float* theta, double* losses) override {
    network_.evaluate(sequences, theta, losses);
  }
  void forward(const float* x, int T, const Noise& noise, const float* theta, float* outputs) override {
    network_.forward(x, T, noise, theta, outputs);
  }
  void learn(const float* gradient, float* theta, float* state, const Rule& rule) override {
    network_.learn(gradient, theta, state, rule);
  }

 private:
  Network<V> network_;
};

}  // namespace

std::unique_ptr<AnyNetwork> new_network(unsigned switches, const NetworkShape& shape, Arena& arena) {
  if (std::min({shape.inputs, shape.hidden, shape.outputs}) < 1 || shape.directions < 1 ||
      shape.directions > 2)
    throw std::invalid_argument(
        "a network needs at least one input, block and output, and one or two directions");
  std::unique_ptr<AnyNetwork> network;
  with_variant(switches, [&](auto variant) {
    network = std::make_unique<VariantNetwork<decltype(variant)>>(shape, arena);
  });
  return network;
}

}  // namespace odyssey
