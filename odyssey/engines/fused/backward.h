// The backward pass of a Direction: layer.h includes this.
#pragma once

#include "layer.h"

namespace odyssey {

template <class Real, class V>
template <int U>
void Direction<Real, V>::backward_panel(const Backward& now, int start) {
  constexpr int partial = partial_sums(U);
  Vec gates[1][U * G + 1];  // from the next frame's gates, for full gate recurrence
  clear<Real>(gates);
  const std::size_t column = std::size_t(start) * L, rows = layout.hidden;
  if constexpr (V::gate_recurrence) {
    Vec sum[1][U * G];
    clear<Real>(sum);
    if (now.delta_next)
      accumulate_units<1, 1, U * G>(sum, now.delta_next, Q_transposed_ + column * G * G * rows, now.s);
#pragma GCC unroll 12
    for (int n = 0; n < U * G; ++n) gates[0][n] = sum[0][n];
  }
  Vec sum[partial][U];
  clear<Real>(sum);
  if (now.delta_next)
    accumulate_units<0, partial, U>(sum, now.delta_next, R_transposed_ + column * Z * rows, now.s);
  fold<Real>(sum);
#pragma GCC unroll 16
  for (int u = 0; u < U; ++u) {
    const int unit = start + u;
    const Vec dy = sum[0][u] + load(now.dy + unit * L);
    if (!V::gate_recurrence && unit == layout.whole) backward_units<true>(now, unit, dy, nullptr);
    else backward_units<false>(now, unit, dy, &gates[0][u * G]);
  }
}

template <class Real, class V>
template <bool shared>
inline __attribute__((always_inline)) void Direction<Real, V>::backward_units(const Backward& now, int unit,
                                                                              Vec dy, const Vec* from_gates) {
  const std::size_t block = std::size_t(unit) * Z * L, j = std::size_t(unit) * L;
  const int apart = shared ? layout.rest : L;
  const auto own = [&](Vec v) { return shared ? first_lanes<Real>(v, apart) : v; };
  Found then;
#pragma GCC unroll 4
  for (int g = 0; g < Z; ++g) then.value[g] = own(load(now.a + block + g * apart));
  if constexpr (V::cell) then.c = load(now.c + j);
  if constexpr (kCarries) then.h = load(now.h + j);
  Vec dc{};
  if constexpr (kCarries) dc = load(dc_ + j);
  const auto found =
      Units<Real, V>::backward(then, load(now.before + j), theta + layout.p + j * P, own(dy), dc, from_gates);
  if constexpr (P > 0) {
#pragma GCC unroll 4
    for (int g = P - 1; g >= 0; --g) {  // the output gate's is ready first
      Real* sum = dp + j * P + g * L;
      store(sum, load(sum) + found.dp[g]);
    }
  }
  if constexpr (kCarries) store(dc_ + j, found.dc_prev);
#pragma GCC unroll 4
  for (int g = 0; g < Z; ++g) store(now.delta + block + g * apart, found.delta[g]);
  if constexpr (V::reset_gate) {
#pragma GCC unroll 4
    for (int g = 0; g < Z; ++g)
      store(now.delta_R + block + g * apart, g + 1 < Z ? found.delta[g] : found.dp[0]);
  }
}

// Out of the class, so that direction.cc alone compiles them.
template <class Real, class V>
void Direction<Real, V>::begin_backward() {
  transpose_blocks<0>(layout, theta + layout.R, layout.hidden, R_transposed_, 1);
  // Q's rows are (unit vector, gate, lane): to each gate its own part of the transposed panel.
  if constexpr (V::gate_recurrence)
    transpose_blocks<1>(layout, theta + layout.Q, G * layout.hidden, Q_transposed_, G);
  if (kCarries) std::fill_n(dc_, layout.padded(), Real(0));
  std::fill_n(dp, P * layout.padded(), Real(0));
}

template <class Real, class V>
void Direction<Real, V>::backward_step(int s, Rows<const Real> dy) {
  const bool last = s + 1 == T;
  const Backward now{s,
                     act[s],
                     delta[s],
                     delta_R[s],
                     last ? nullptr : recurrent()[s + 1],
                     h[s],
                     V::cell ? c[s] : y[s],
                     c[s + 1],
                     dy[s]};
  const Split& panels = layout.backward_panels;
  walk(s & 1, panels.parts, [&](int panel) {
    with_constant<Layout::backward_units>(
        panels.width(panel), [&](auto width) { backward_panel<width>(now, panels.start(panel)); });
  });
}

}  // namespace odyssey
