// The equations of odyssey/equations.py for one vector of units in one frame, all in registers. Blocks
// are z, then the gates that the variant has.
#pragma once

#include "../variant.h"
#include "vector.h"

namespace odyssey {

template <class Real, class V>
struct Units {
  static constexpr int L = kLanes<Real>, G = V::blocks, P = V::gates;
  using Vec = Vector<Real>;

  // Activations of all blocks, the cell, its activation, and the output.
  struct Forward {
    Vec value[G], c, h, y;
  };
  struct Backward {
    Vec delta[G], dc_prev, dp[P + 1];
  };

  // From the sums that reach the blocks; p points to the peepholes of these units.
  static inline __attribute__((always_inline)) Forward forward(const Vec* sum, const Real* p,
                                                               Vec c_prev) {
    const Vec one = broadcast(Real(1));
    Forward now;
    const auto gate = [&](int block, Vec seen) __attribute__((always_inline)) {
      Vec value = sum[block];
      if constexpr (V::peepholes) value += load(p + (block - 1) * L) * seen;
      return now.value[block] = sigmoid(value);
    };
    const Vec z = now.value[0] = V::input_activation ? tanh(sum[0]) : sum[0];
    Vec i = one, f = one, o = one;
    if constexpr (V::input_gate) i = gate(V::i, c_prev);
    if constexpr (V::coupled_gates) f = one - i;
    if constexpr (V::own_forget) f = gate(V::f, c_prev);
    now.c = z * i + c_prev * f;
    if constexpr (V::output_gate) o = gate(V::o, now.c);
    now.h = V::output_activation ? tanh(now.c) : now.c;
    now.y = now.h * o;
    return now;
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
};

}  // namespace odyssey
