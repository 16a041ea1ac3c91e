// What a network is, and where its parameters lie in one flat array.
#pragma once

#include "layout.h"

namespace odyssey {

// The losses that are computed here, and those that the caller computes from the activations.
enum class Loss { softmax = 0, ctc = 1, bernoulli = 2, squared = 3, outside = 4 };
// Whether a target is K numbers a frame.
constexpr bool has_vectors(Loss loss) { return loss == Loss::bernoulli || loss == Loss::squared; }
constexpr const char* kLossNames = "softmax ctc bernoulli squared outside";

struct NetworkShape {
  int inputs, hidden, outputs, directions;
  Loss loss;
};

template <class V>
struct NetworkLayout {
  static constexpr int L = kLanes<float>, kPanel = 2;
  NetworkShape shape;
  LayerLayout<float, V> layer;
  int output_vectors;
  std::size_t head, head_bias, size;  // offsets into the flat array; the directions come first

  explicit NetworkLayout(const NetworkShape& shape)
      : shape(shape), layer(shape.inputs, shape.hidden), output_vectors((shape.outputs + L - 1) / L) {
    head = shape.directions * layer.size;
    head_bias = head + std::size_t(shape.directions) * shape.hidden * output_vectors * L;
    size = head_bias + std::size_t(output_vectors) * L;
  }
  Split panels() const { return Split(output_vectors, kPanel); }
  // The rows of one direction's output weights in one panel of output columns.
  std::size_t panel_offset(int direction, int start) const {
    return head + (std::size_t(direction) * output_vectors + start) * L * shape.hidden;
  }

  // Calls f(array, place in it, place here) for every parameter: kLayerArrays · direction + that of the
  // layer, then output.W and output.b.
  template <class F>
  void each(F f) const {
    const int D = shape.directions, H = shape.hidden;
    for (int d = 0; d < D; ++d)
      layer.each([&](int array, std::size_t from, std::size_t to) {
        f(kLayerArrays * d + array, from, d * layer.size + to);
      });
    const Split split = panels();
    for (int part = 0; part < split.parts; ++part) {
      const int start = split.start(part) * L, width = split.width(part) * L;
      for (int k = start; k < std::min(start + width, shape.outputs); ++k) {
        for (int d = 0; d < D; ++d)
          for (int j = 0; j < H; ++j)
            f(kLayerArrays * D, (std::size_t(k) * D + d) * H + j,
              panel_offset(d, start / L) + std::size_t(j) * width + k - start);
        f(kLayerArrays * D + 1, k, head_bias + k);
      }
    }
  }
};

}  // namespace odyssey
