// The gradients of a direction's parameters and inputs, as products over the whole sequence, once its
// backward pass has found those of the pre-activations.
#pragma once

#include "layer.h"

namespace odyssey {

// Of Q, for some vectors of units: from each gate of each vector of units in the frame before.
template <class Real, class V, class Target>
void gate_gradients(const Direction<Real, V>& of, int start, int units, Target target) {
  constexpr int L = kLanes<Real>, Z = V::blocks, G = V::gates;
  const std::size_t width = std::size_t(units) * G * L, rows = G * of.layout.hidden;
  for (int u = 0; u < units; ++u)
    for (int from = 0; from < of.layout.units; ++from)
      for (int g = 0; g < G; ++g) {
        const int lanes = of.layout.lanes(from);
        const std::size_t row = std::size_t(from) * L * G + std::size_t(g) * lanes;
        product<Real>(
            {of.act.data + (from * Z + 1 + g) * L, 1, of.act.stride},
            of.delta.from_column(((start + u) * Z + 1) * L).from(1), lanes, G, of.T - 1,
            target(of.layout.Q + std::size_t(start) * G * L * rows + row * width + u * G * L, width));
      }
}

// Of W and R of a large layer, for one panel of columns, from copies of a few of delta's at a time. Not inlined: the
// products of small layers then are as they were.
template <class Real, class V, class Target>
__attribute__((noinline)) void large_gradients(const Direction<Real, V>& of, std::size_t column, int vectors,
                                               Target target) {
  constexpr int L = kLanes<Real>;
  const int D = of.layout.inputs, H = of.layout.hidden;
  const std::ptrdiff_t width = std::ptrdiff_t(vectors) * L;
  const Rows<Real> room = of.columns();
  const Split split(vectors, kWidest);
  for (int part = 0; part < split.parts; ++part) {
    const int start = split.start(part) * L, count = split.width(part);
    const auto copy = [&](Rows<const Real> from) {
      for (int s = 0; s < of.T; ++s)
        for (int n = 0; n < count * L; n += L) store(room[s] + n, load(from[s] + column + start + n));
    };
    copy(of.delta);
    product<Real>({of.x.data, 1, of.x.stride}, room, D, count, of.T,
                  target(of.layout.W + column * D + start, width));
    if (V::reset_gate) copy(of.recurrent());
    product<Real>({of.y.data, 1, of.y.stride}, room, H, count, of.T,
                  target(of.layout.R + column * H + start, width));
  }
}

// Hands the gradient of every parameter to target(offset, stride): a product's target for the rows
// that start there.
template <class Real, class V, class Target>
void parameter_gradients(const Direction<Real, V>& of, Target target) {
  constexpr int L = kLanes<Real>, Z = V::blocks, P = V::vectors;
  const auto& layout = of.layout;
  layout.each_panel([&](std::size_t column, int vectors) {
    const std::size_t width = std::size_t(vectors) * L;
    const Rows<const Real> d = of.delta.from_column(column);
    if (of.columns().data) {
      large_gradients(of, column, vectors, target);
    } else {
      product<Real>({of.x.data, 1, of.x.stride}, d, layout.inputs, vectors, of.T,
                    target(layout.W + column * layout.inputs, width));
      product<Real>({of.y.data, 1, of.y.stride}, of.recurrent().from_column(column), layout.hidden, vectors,
                    of.T, target(layout.R + column * layout.hidden, width));
    }
    column_sums<Real>(d, of.T, vectors, target(layout.b + column, 0));
    if constexpr (V::gate_recurrence) gate_gradients(of, int(column / (Z * L)), vectors / Z, target);
  });
  if constexpr (P > 0) {
    const auto vectors = target(layout.p, 0);
    for (int j = 0; j < P * int(layout.padded()); j += L)
      vectors.last(0, j, vectors.first(0, j) + load(of.dp + j));
  }
}

// dx (T rows in the order s) += W' delta, with room for W' (columns × inputs, padded).
template <class Real, class V>
void input_gradient(const Direction<Real, V>& of, Rows<Real> dx, Real* transposed) {
  const std::size_t padded = transpose_inputs(of.layout, of.theta + of.layout.W, transposed);
  product<Real>({of.delta.data, of.delta.stride, 1}, {transposed, std::ptrdiff_t(padded)}, of.T,
                int(padded / kLanes<Real>), int(of.layout.columns()), Add<Real>{{dx}});
}

}  // namespace odyssey
