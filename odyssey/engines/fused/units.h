// The equations of odyssey/networks/equations.py for one vector of units in one frame, all in registers. Blocks
// are z, then the gates that the variant has.
#pragma once

#include "../variant.h"
#include "vector.h"

namespace odyssey {

template <class Real, class V>
struct Units {
  static constexpr int L = kLanes<Real>, Z = V::blocks, G = V::gates;
  using Vec = Vector<Real>;

  // Activations of all blocks, the cell, its activation, and the output.
  struct Forward {
    Vec value[Z], c, h, y;
  };
  struct Backward {
    Vec delta[Z], dc_prev, dp[G + 1];
  };

  // From the sums that reach the blocks; p points to the peepholes of these units. In two halves, first all blocks
  // but the last and the cell, then what waits for that: who has several vectors of units begins them all before he
  // finishes one, since a processor looks only some hundred instructions ahead.
  static inline __attribute__((always_inline)) Forward begin(const Vec* sum, const Real* p, Vec c_prev) {
    const Vec one = broadcast(Real(1));
    Forward now;
    const Vec z = now.value[0] = V::input_activation ? tanh(sum[0]) : sum[0];
    Vec i = one, f = one;
    if constexpr (V::input_gate) i = now.value[V::i] = gate(V::i, sum[V::i], p, c_prev);
    if constexpr (V::coupled_gates) f = one - i;
    if constexpr (V::own_forget) f = now.value[V::f] = gate(V::f, sum[V::f], p, c_prev);
    if constexpr (V::output_gate) now.value[V::o] = sum[V::o];
    now.c = z * i + c_prev * f;
    return now;
  }
  static inline __attribute__((always_inline)) void finish(Forward& now, const Real* p, Vec) {
    Vec o = broadcast(Real(1));
    if constexpr (V::output_gate) o = now.value[V::o] = gate(V::o, now.value[V::o], p, now.c);
    now.h = V::output_activation ? tanh(now.c) : now.c;
    now.y = now.h * o;
  }

  // From what a frame's forward pass found, the gradients of its output and cell, and, with full gate
  // recurrence, those that reach the gates from the next frame's.
  static inline __attribute__((always_inline)) Backward backward(const Forward& now, Vec c_prev,
                                                                 const Real* p, Vec dy, Vec dc,
                                                                 const Vec* from_gates) {
    const Vec one = broadcast(Real(1)), z = now.value[0];
    const Vec i = V::input_gate ? now.value[V::i] : one;
    const Vec f = V::own_forget ? now.value[V::f] : V::coupled_gates ? one - i : one;
    const Vec o = V::output_gate ? now.value[V::o] : one;
    Backward before;
    // Through one gate's sigmoid; returns what flows on to the cell.
    const auto through = [&](int gate, Vec dgate, Vec value, Vec seen) __attribute__((always_inline)) {
      if constexpr (V::gate_recurrence) dgate += from_gates[gate - 1];
      const Vec da = before.delta[gate] = dgate * value * (one - value);
      if constexpr (!V::peepholes) return Vec{};
      before.dp[gate - 1] = da * seen;
      return load(p + (gate - 1) * L) * da;
    };
    dc += dy * o * (V::output_activation ? one - now.h * now.h : one);
    if constexpr (V::output_gate) dc += through(V::o, dy * now.h, o, now.c);
    const Vec dz = dc * i;
    before.dc_prev = dc * f;
    if constexpr (V::input_gate)
      before.dc_prev += through(V::i, dc * (V::coupled_gates ? z - c_prev : z), i, c_prev);
    if constexpr (V::own_forget) before.dc_prev += through(V::f, dc * c_prev, f, c_prev);
    before.delta[0] = V::input_activation ? dz * (one - z * z) : dz;
    return before;
  }

 private:
  static inline __attribute__((always_inline)) Vec gate(int block, Vec sum, const Real* p, Vec seen) {
    return sigmoid(V::peepholes ? sum + load(p + (block - 1) * L) * seen : sum);
  }
};

}  // namespace odyssey
