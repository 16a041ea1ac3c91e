// The forward pass of a Direction: layer.h includes this.
#pragma once

#include "layer.h"

namespace odyssey {

// U vectors of units, and the N vectors that the last units share, if they are of this panel.
template <class Real, class V>
template <int U, int N>
void Direction<Real, V>::forward_panel(const Forward& now, int start) {
  Real* a = now.a + std::size_t(start) * Z * L;
  constexpr int vectors = U * Z + N, partial = partial_sums(vectors), K = U + (N > 0);
  Vec sum[partial][vectors];
  clear<Real>(sum);
#pragma GCC unroll 12
  for (int n = 0; n < vectors && !V::reset_gate; ++n) sum[0][n] = load(a + n * L);
  if constexpr (V::gate_recurrence) {
    constexpr int gate_partial = partial_sums(U * G);
    Vec gates[gate_partial][U * G];
    clear<Real>(gates);
    if (now.s) accumulate_units<1, gate_partial, U * G>(gates, now.a_prev, Q_panel(theta, start), now.s);
    fold<Real>(gates);
#pragma GCC unroll 12
    for (int n = 0; n < U * G; ++n) sum[0][n / G * Z + 1 + n % G] += gates[0][n];
  }
  if (now.s) accumulate<Real, partial, vectors>(sum, now.y_prev, layout.hidden, R_panel(theta, start));
  fold<Real>(sum);
  Vec shared[N > 0 ? Z : 1];
  if constexpr (N > 0) take_apart<N>(&sum[0][U * Z], shared);
  Found found[K];
#pragma GCC unroll 12
  for (int u = 0; u < K; ++u)
    found[u] = u < U ? begin_units(now, start + u, a + u * Z * L, L, &sum[0][u * Z])
                     : begin_units(now, start + u, a + u * Z * L, layout.rest, shared);
#pragma GCC unroll 12
  for (int u = 0; u < K; ++u) finish_units(now, start + u, a + u * Z * L, u < U ? L : layout.rest, found[u]);
}

// Calls f(vectors of units, shared vectors, first unit vector) for every panel, the numbers of vectors as
// constants.
template <class Real, class V>
template <class F>
inline __attribute__((always_inline)) void Direction<Real, V>::each_forward_panel(bool down, F f) const {
  walk(down, layout.panel_count(), [&](int k) {
    const auto panel = layout.panel(k);
    with_constant<Layout::forward_units, 0>(panel.whole, [&](auto units) {
      constexpr bool full = !kManyRegisters && units == Layout::forward_units;
      with_constant<full || V::gate_recurrence ? 0 : Z - 1, 0>(panel.shared, [&](auto shared) {
        if constexpr (units + shared > 0) f(units, shared, panel.start);
      });
    });
  });
}

// The blocks of the last units, from the N vectors that they share.
template <class Real, class V>
template <int N>
inline __attribute__((always_inline)) void Direction<Real, V>::take_apart(const Vec* shared,
                                                                          Vec* blocks) const {
  const int rest = layout.rest;
#pragma GCC unroll 4
  for (int g = 0; g < Z; ++g) {  // rest ≤ L N / Z: block g begins in vector n and ends in the next
    const int n = N == 3 && g > 1;
    blocks[g] = lanes_from<Real>(shared[n], shared[N == 1 ? 0 : n + 1], g * rest - n * L);
    blocks[g] = first_lanes<Real>(blocks[g], rest);
  }
}

// The pointwise part of one vector of units, in two halves; a holds its blocks, so far apart. With a reset gate the
// sums are those of R y alone, and the input's share of the last block comes behind them.
template <class Real, class V>
inline __attribute__((always_inline)) typename Units<Real, V>::Forward Direction<Real, V>::begin_units(
    const Forward& now, int unit, Real* a, int apart, const Vec* sum) const {
  const int j = unit * L;
  [[maybe_unused]] Vec sums[Z + 1];
  if constexpr (V::reset_gate) {
#pragma GCC unroll 4
    for (int g = 0; g < Z; ++g) {
      const Vec in = apart < L ? first_lanes<Real>(load(a + g * apart), apart) : load(a + g * apart);
      sums[g] = g + 1 < Z ? sum[g] + in : sum[g];
      sums[Z] = in;
    }
  }
  const Found found =
      Units<Real, V>::begin(V::reset_gate ? sums : sum, theta + layout.p + j * P, load(now.before + j));
#pragma GCC unroll 4
  for (int g = 0; g + 1 < Z; ++g) store(a + g * apart, found.value[g]);  // upwards: shared ones overlap
  if constexpr (V::cell) store(now.c + j, found.c);
  return found;
}
template <class Real, class V>
inline __attribute__((always_inline)) void Direction<Real, V>::finish_units(const Forward& now, int unit,
                                                                            Real* a, int apart,
                                                                            Found& found) const {
  const int j = unit * L;
  Units<Real, V>::finish(found, theta + layout.p + j * P, load(now.before + j));
  store(a + (Z - 1) * apart, found.value[Z - 1]);
  if constexpr (kCarries) store(now.h + j, found.h);
  store(now.y + j, found.y);
}

// Out of the class, so that direction.cc alone compiles them.
template <class Real, class V>
void Direction<Real, V>::forward_step(int s) {
  if (s % kChunk == 0) input_product(s, std::min(kChunk, T - s));
  const Forward now{
      s,    activations(s), s ? activations(s - 1) : nullptr, V::cell ? cell(s) : y[s], cell(s + 1), h[s],
      y[s], y[s + 1]};
  each_forward_panel(s & 1,
                     [&](auto units, auto shared, int start) { forward_panel<units, shared>(now, start); });
}

}  // namespace odyssey
