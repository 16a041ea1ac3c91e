// One direction of a recurrent layer over one sequence: forward, and full back-propagation through
// time. Letters and equations are those of odyssey/networks/equations.py.
//
// Everything is stored in the order s in which the direction sees the frames; only x, y and dy know
// the time, through rows that a backward direction walks in reverse. Row 0 of c and y is the state
// before the first frame, all zeros.
//
// A cell is what Units<Real, V> says of one vector of units: units.h of the LSTM, others.h of those that have
// no cell c.
#pragma once

#include "others.h"
#include "transposes.h"
#include "units.h"

namespace odyssey {

template <class V>
class Batch;

template <class Real, class V>
class Direction {
 public:
  static constexpr int L = kLanes<Real>, Z = V::blocks, G = V::gates, P = V::vectors;
  static constexpr int kChunk = 48;  // frames whose input product is made at once, still in cache
  static constexpr int kLarge = 96;  // blocks from which on gradients are worth a copy of delta's columns
  using Layout = LayerLayout<Real, V>;
  using Vec = Vector<Real>;

  Direction(int inputs, int hidden) : layout(inputs, hidden) {}

  Layout layout;
  const Real* theta = nullptr;  // parameters in the padded layout
  Rows<const Real> x{};  // T rows in the order s
  // h: the cell's activation, or the GRU's recurrent sum that the reset gate multiplies. delta_R: what delta is
  // to R where that gate stands between.
  Rows<Real> act{}, delta{}, delta_R{}, c{}, h{}, y{};
  Real* dp = nullptr;  // the gradient of p (peepholes, bn), summed over the frames so far
  int T = 0;

  // Takes what a forward pass of `frames` ≥ 1 frames writes from `pieces`: act, c, h, y as far as the cell
  // has them, which live as long as the memory behind it. Without `keep`, activations live in a ring of two chunks, and there is no way back.
  void assign_forward(Pieces& pieces, int frames, bool keep) {
    T = frames;
    ring_ = keep ? 0 : 2 * kChunk;
    const auto wide = act_stride();
    const auto narrow = spread<Real>(std::ptrdiff_t(layout.padded()));
    act = pieces.take_rows<Real>(keep ? T : std::min(T, ring_), wide);
    if (V::cell) c = pieces.take_rows<Real>(keep ? T + 1 : 2, narrow);
    if (kCarries) h = pieces.take_rows<Real>(keep ? T : 1, narrow);
    if (!keep) h.stride = 0;
    y = pieces.take_rows<Real>(T + 1, narrow);
  }

  // Takes what a backward pass writes besides, after assign_forward: delta, dp and transposed weights. With
  // `in_place` delta overlays act, frame by frame behind the pass, unless Q's gradient still needs them.
  void assign_backward(Pieces& pieces, bool in_place) {
    const std::size_t H = layout.hidden;
    delta = in_place && !V::gate_recurrence ? act : pieces.take_rows<Real>(T, act.stride);
    if (V::reset_gate) delta_R = pieces.take_rows<Real>(T, act.stride);
    R_transposed_ = pieces.take<Real>(Z * H * layout.padded());
    if (V::gate_recurrence) Q_transposed_ = pieces.take<Real>(G * H * G * layout.padded());
    if (kCarries) dc_ = pieces.take<Real>(layout.padded());
    dp = pieces.take<Real>(P * layout.padded());
    if (!kManyRegisters && layout.hidden >= kLarge)
      columns_ = {pieces.take<Real>(std::size_t(T) * kWidest * L), kWidest * L};
  }

  // Storing the last block of the shared vectors writes whole vectors.
  std::ptrdiff_t act_stride() const {
    return spread<Real>(std::ptrdiff_t(layout.columns() + (layout.rest ? L : 0)));
  }

  // Before frame 0: clears the first state. theta (layout.size values, read only until the backward pass has
  // ended) and x (T rows of D values, read only, until the gradients are made) must be set by then.
  void begin_forward() {
    if (V::cell) std::fill_n(c[0], layout.padded(), Real(0));
    std::fill_n(y[0], layout.padded(), Real(0));
  }

  // Frame s of 0 … T − 1, in this order: writes act[s], y[s + 1], c[s + 1] and h[s], whole vectors each.
  void forward_step(int s);

  // Before frame T − 1: transposes the recurrent weights of theta, clears dc and dp.
  void begin_backward();

  // Frame s of T − 1 … 0, in this order: writes delta[s] and delta_R[s] and adds to dp.
  //   dy  the gradients of y by the frames after it left out: T rows in the order s, any stride, in whole
  //       vectors; lanes beyond H are zero, or not looked at if shared; must not overlap what this writes
  void backward_step(int s, Rows<const Real> dy);

  // Some columns of delta, copied together: far apart they don't stay in L1 while x and y go by. Only of a large
  // layer, and not with AVX-512, whose tiles are wider.
  Rows<Real> columns() const { return columns_; }

  // T rows: the gradients of what R y adds to.
  Rows<const Real> recurrent() const { return V::reset_gate ? delta_R : delta; }

  std::size_t recurrent_bytes() const { return (layout.size - layout.R) * sizeof(Real); }

 private:
  template <class>
  friend class Batch;

  // Whether a unit hands something on besides its output through R: its cell, or its output through u.
  static constexpr bool kCarries = V::cell || V::reset_gate;

  // The rows of one frame: a activations, c and y before and after it, …; `before` is the one of the two that
  // a unit carries on.
  struct Forward {
    int s;
    Real* a;
    const Real *a_prev, *before;
    Real *c, *h;
    const Real* y_prev;
    Real* y;
  };
  struct Backward {
    int s;
    const Real* a;
    Real *delta, *delta_R;
    const Real *delta_next, *h, *before, *c, *dy;
  };

  Real* activations(int s) const { return act[ring_ ? s % ring_ : s]; }
  Real* cell(int row) const { return c[ring_ ? row & 1 : row]; }

  void input_product(int s, int frames) {
    layout.each_panel([&](std::size_t column, int vectors) {
      product<Real>({x[s], x.stride, 1},
                    {theta + layout.W + column * layout.inputs, std::ptrdiff_t(vectors) * L}, frames, vectors,
                    layout.inputs,
                    Affine<Real>{{{activations(s) + column, act.stride}}, theta + layout.b + column});
    });
  }

  const Real* R_panel(const Real* from, int start) const {
    return from + layout.R + std::size_t(start) * Z * L * layout.hidden;
  }
  const Real* Q_panel(const Real* from, int start) const {
    return from + layout.Q + std::size_t(start) * G * L * G * layout.hidden;
  }

  // Adds rows of a matrix over the blocks from `First` on of all units, leaving out lanes beyond H.
  template <int First, int U, int N>
  inline __attribute__((always_inline)) void accumulate_units(Vec (&sum)[U][N], const Real* row,
                                                              const Real* matrix, int s) const {
    constexpr int count = (Z - First) * L;
    const int full = layout.full_units(), rest = layout.rest ? 0 : layout.hidden - full * L;
    if constexpr (First == 0) {
      const std::ptrdiff_t joined = std::ptrdiff_t(full) * count + Z * layout.rest;
      matrix = accumulate_blocks<Real, U, N>(sum, row, joined, matrix, !(s & 1));
    } else {
      for (int unit = 0; unit < full; ++unit)
        matrix = accumulate<Real, U, N>(sum, row + (unit * Z + First) * L, count, matrix);
    }
    for (int g = First; rest && g < Z; ++g)
      matrix = accumulate<Real, U, N>(sum, row + (full * Z + g) * L, rest, matrix);
  }

  // U vectors of units, and the N vectors that the last units share, if they are of this panel.
  template <int U, int N>
  void forward_panel(const Forward& now, int start) {
    Real* a = now.a + std::size_t(start) * Z * L;
    constexpr int vectors = U * Z + N, partial = partial_sums(vectors);
    Vec sum[partial][vectors];
    clear<Real>(sum);
    if constexpr (V::gate_recurrence) {
      constexpr int gate_partial = partial_sums(U * G);
      Vec gates[gate_partial][U * G];
      clear<Real>(gates);
      if (now.s) accumulate_units<1, gate_partial, U * G>(gates, now.a_prev, Q_panel(theta, start), now.s);
      fold<Real>(gates);
#pragma GCC unroll 12
      for (int n = 0; n < U * G; ++n) sum[0][n / G * Z + 1 + n % G] = gates[0][n];
    }
#pragma GCC unroll 12
    for (int n = 0; n < vectors && !V::reset_gate; ++n) sum[0][n] += load(a + n * L);
    if (now.s) accumulate<Real, partial, vectors>(sum, now.y_prev, layout.hidden, R_panel(theta, start));
    fold<Real>(sum);
    // Not by forward_pointwise: then g++ 12 moves sums through memory, and a step of H=20 takes 4 % more.
#pragma GCC unroll 12
    for (int u = 0; u < U; ++u) forward_units(now, start + u, a + u * Z * L, L, &sum[0][u * Z]);
    if constexpr (N > 0) forward_rest<N>(now, a + U * Z * L, &sum[0][U * Z]);
  }

  // The pointwise part of a panel, from the sums of its vectors.
  template <int U, int N>
  inline __attribute__((always_inline)) void forward_pointwise(const Forward& now, int start,
                                                               const Vec* sum) {
    Real* a = now.a + std::size_t(start) * Z * L;
#pragma GCC unroll 12
    for (int u = 0; u < U; ++u) forward_units(now, start + u, a + u * Z * L, L, sum + u * Z);
    if constexpr (N > 0) forward_rest<N>(now, a + U * Z * L, sum + U * Z);
  }

  // Calls f(vectors of units, shared vectors, first unit vector) for every panel, the numbers of vectors as
  // constants.
  template <class F>
  inline __attribute__((always_inline)) void each_forward_panel(bool down, F f) const {
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

  // The pointwise part of the last units, from N vectors of sums.
  template <int N>
  inline __attribute__((always_inline)) void forward_rest(const Forward& now, Real* a, const Vec* sum) {
    const int rest = layout.rest;
    Vec blocks[Z];
#pragma GCC unroll 4
    for (int g = 0; g < Z; ++g) {  // rest ≤ L N / Z: block g begins in vector n and ends in the next
      const int n = N == 3 && g > 1;
      blocks[g] = lanes_from<Real>(sum[n], sum[N == 1 ? 0 : n + 1], g * rest - n * L);
      blocks[g] = first_lanes<Real>(blocks[g], rest);
    }
    forward_units(now, layout.whole, a, rest, blocks);
  }

  // The pointwise part of one vector of units; a holds its blocks, so far apart. With a reset gate the sums are
  // those of R y alone, and the input's share of the last block comes behind them.
  inline __attribute__((always_inline)) void forward_units(const Forward& now, int unit, Real* a, int apart,
                                                           const Vec* sum) {
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
    const auto found =
        Units<Real, V>::forward(V::reset_gate ? sums : sum, theta + layout.p + j * P, load(now.before + j));
#pragma GCC unroll 4
    for (int g = 0; g < Z; ++g) store(a + g * apart, found.value[g]);  // upwards: shared ones overlap
    if constexpr (V::cell) store(now.c + j, found.c);
    if constexpr (kCarries) store(now.h + j, found.h);
    store(now.y + j, found.y);
  }

  template <int U>
  void backward_panel(const Backward& now, int start) {
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

  template <bool shared>
  inline __attribute__((always_inline)) void backward_units(const Backward& now, int unit, Vec dy,
                                                            const Vec* from_gates) {
    const std::size_t block = std::size_t(unit) * Z * L, j = std::size_t(unit) * L;
    const int apart = shared ? layout.rest : L;
    const auto own = [&](Vec v) { return shared ? first_lanes<Real>(v, apart) : v; };
    typename Units<Real, V>::Forward then;
#pragma GCC unroll 4
    for (int g = 0; g < Z; ++g) then.value[g] = own(load(now.a + block + g * apart));
    if constexpr (V::cell) then.c = load(now.c + j);
    if constexpr (kCarries) then.h = load(now.h + j);
    Vec dc{};
    if constexpr (kCarries) dc = load(dc_ + j);
    const auto found = Units<Real, V>::backward(then, load(now.before + j), theta + layout.p + j * P, own(dy),
                                                dc, from_gates);
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

  Real *R_transposed_ = nullptr, *Q_transposed_ = nullptr, *dc_ = nullptr;
  Rows<Real> columns_{};
  int ring_ = 0;
};

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
  const Split split = layout.backward_panels();
  walk(s & 1, split.parts, [&](int panel) {
    with_constant<Layout::backward_units>(
        split.width(panel), [&](auto width) { backward_panel<width>(now, split.start(panel)); });
  });
}

}  // namespace odyssey
