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

  using Found = typename Units<Real, V>::Forward;

  // Defined in forward.h and backward.h.
  template <int U, int N>
  void forward_panel(const Forward& now, int start);
  template <class F>
  inline __attribute__((always_inline)) void each_forward_panel(bool down, F f) const;
  template <int N>
  inline __attribute__((always_inline)) void take_apart(const Vec* shared, Vec* blocks) const;
  inline __attribute__((always_inline)) Found begin_units(const Forward& now, int unit, Real* a, int apart,
                                                          const Vec* sum) const;
  inline __attribute__((always_inline)) void finish_units(const Forward& now, int unit, Real* a, int apart,
                                                          Found& found) const;
  template <int U>
  void backward_panel(const Backward& now, int start);
  template <bool shared>
  inline __attribute__((always_inline)) void backward_units(const Backward& now, int unit, Vec dy,
                                                            const Vec* from_gates);

  Real *R_transposed_ = nullptr, *Q_transposed_ = nullptr, *dc_ = nullptr;
  Rows<Real> columns_{};
  int ring_ = 0;
};

}  // namespace odyssey

#include "backward.h"
#include "forward.h"
