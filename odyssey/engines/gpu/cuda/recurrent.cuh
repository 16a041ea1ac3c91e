// The recurrent layer: one block walks one direction of one sequence, forward or backward in time.
#pragma once

#include "weights.cuh"

namespace odyssey {

__device__ inline float sigmoid(float a) { return 1.0f / (1.0f + expf(-a)); }

// One direction's peephole weights; zeros where there are none.
struct Peepholes {
  float i = 0, f = 0, o = 0;
  __device__ Peepholes(const float* p, int H, int unit) {
    if (!V::peepholes || unit >= H) return;
    if (V::input_gate) i = p[(V::i - 1) * H + unit];
    if (V::own_forget) f = p[(V::f - 1) * H + unit];
    if (V::output_gate) o = p[(V::o - 1) * H + unit];
  }
};

// Pre-activations → z, i, f, o in place; returns y and moves c on.
__device__ inline float forward_unit(float (&a)[Z], float& c, const Peepholes& p) {
  if (V::input_activation) a[0] = tanhf(a[0]);
  float i = 1, f = 1, o = 1;
  if (V::input_gate) i = a[V::i] = sigmoid(a[V::i] + p.i * c);
  if (V::own_forget) f = a[V::f] = sigmoid(a[V::f] + p.f * c);
  if (V::coupled_gates) f = 1 - i;
  c = a[0] * i + c * f;
  if (V::output_gate) o = a[V::o] = sigmoid(a[V::o] + p.o * c);
  return (V::output_activation ? tanhf(c) : c) * o;
}

struct Forward {
  template <int S, int Passes>
  __device__ static void walk(const Row& row, const Layout& at, int direction, float* shared);
};
struct Backward {
  template <int S, int Passes>
  __device__ static void walk(const Row& row, const Layout& at, int direction, float* shared);
};

// More lanes share a unit, the fewer units the row has.
template <class Way>
__device__ void walk(const Row& row, const Layout& at, int direction, float* shared) {
  if (row.H <= 32) Way::template walk<8, 1>(row, at, direction, shared);
  else if (row.H <= 64) Way::template walk<4, 1>(row, at, direction, shared);
  else if (row.H <= 128) Way::template walk<2, 1>(row, at, direction, shared);
  else if (row.H <= 256) Way::template walk<1, 1>(row, at, direction, shared);
  else Way::template walk<1, 4>(row, at, direction, shared);
}

template <int S, int Passes>
__device__ void Forward::walk(const Row& row, const Layout& at, int direction, float* shared) {
  const int H = row.H, T = row.T;
  const float* theta = row.theta + direction * at.side();
  const float* transposed = row.transposed + direction * at.transposed();
  const Weights<S, Passes, false> weights({transposed, transposed + Z * H * H, H}, shared);
  float* gates = row.gates + (long long)direction * T * Z * H;
  float* cells = row.c + (long long)direction * T * H;
  float c[Passes] = {}, next[Passes][Z] = {};
  const auto fetch = [&](int s) {
#pragma unroll
    for (int pass = 0; pass < Passes; ++pass)
#pragma unroll
      for (int g = 0; g < Z; ++g)
        if (weights.unit(pass) < H && s < T)
          next[pass][g] = gates[((long long)s * Z + g) * H + weights.unit(pass)];
  };
  fetch(0);
  __syncthreads();  // before its first lane overwrites what all lanes of a unit have read
  for (int s = 0; s < T; ++s) {
    float a[Passes][Z];
#pragma unroll
    for (int pass = 0; pass < Passes; ++pass)
#pragma unroll
      for (int g = 0; g < Z; ++g) a[pass][g] = next[pass][g];
    fetch(s + 1);
#pragma unroll
    for (int pass = 0; pass < Passes; ++pass) {
      const int unit = weights.unit(pass);
      weights.apply(s & 1, pass, a[pass]);
      const float y = forward_unit(a[pass], c[pass], Peepholes(theta + at.p(), H, unit));
      if (unit >= H || !weights.first()) continue;
      weights.vector(~s & 1, 0)[unit] = y;
      row.y[(long long)time_of(direction, s, T) * at.width() + direction * H + unit] = y;
      cells[(long long)s * H + unit] = c[pass];
#pragma unroll
      for (int g = 0; g < Z; ++g) {
        if (V::gate_recurrence && g > 0) weights.vector(~s & 1, g)[unit] = a[pass][g];
        gates[((long long)s * Z + g) * H + unit] = a[pass][g];
      }
    }
    __syncthreads();
  }
}

// What the way back carries from step to step for one unit, and what it sums up.
struct Carry {
  float dc = 0, i = 0, f = 0, o = 0;
};
struct Seen {
  float act[Z] = {}, c = 0, c_prev = 0, dy = 0;
};

// Gradients of the pre-activations, from dy and the gates' own (back[1..], in the order i, f, o).
template <int N>
__device__ inline void backward_unit(const Seen& now, const float (&back)[N], const Peepholes& p,
                                     Carry& carry, float (&da)[Z]) {
  const auto own = [&](int block) { return N > 1 ? back[block % N] : 0.0f; };
  const float z = now.act[0], i = V::input_gate ? now.act[V::i] : 1.0f;
  const float f = V::own_forget ? now.act[V::f] : V::coupled_gates ? 1 - i : 1.0f;
  const float o = V::output_gate ? now.act[V::o] : 1.0f, dy = now.dy + back[0];
  const float h = V::output_activation ? tanhf(now.c) : now.c;
  float dc = carry.dc + dy * o * (V::output_activation ? 1 - h * h : 1.0f);
  if (V::output_gate) {
    const float d = da[V::o] = (own(V::o) + dy * h) * o * (1 - o);
    dc += p.o * d;
    carry.o += d * now.c;
  }
  da[0] = dc * i * (V::input_activation ? 1 - z * z : 1.0f);
  carry.dc = dc * f;
  if (V::input_gate) {
    const float di = dc * (V::coupled_gates ? z - now.c_prev : z);
    const float d = da[V::i] = (own(V::i) + di) * i * (1 - i);
    carry.dc += p.i * d;
    carry.i += d * now.c_prev;
  }
  if (V::own_forget) {
    const float d = da[V::f] = (own(V::f) + dc * now.c_prev) * f * (1 - f);
    carry.dc += p.f * d;
    carry.f += d * now.c_prev;
  }
}

template <int S, int Passes>
__device__ void Backward::walk(const Row& row, const Layout& at, int direction, float* shared) {
  using B = Blocks<true>;
  const int H = row.H, T = row.T;
  const float* theta = row.theta + direction * at.side();
  const Weights<S, Passes, true> weights({theta + at.R(), theta + at.Q(), H}, shared);
  const float* gates = row.gates + (long long)direction * T * Z * H;
  float* gradients = row.da + (long long)direction * T * Z * H;
  const float* cells = row.c + (long long)direction * T * H;
  Carry carry[Passes];
  Seen next[Passes];
  const auto fetch = [&](int s) {
#pragma unroll
    for (int pass = 0; pass < Passes; ++pass) {
      const int unit = weights.unit(pass);
      if (unit >= H || s < 0) continue;
#pragma unroll
      for (int g = 0; g < Z; ++g) next[pass].act[g] = gates[((long long)s * Z + g) * H + unit];
      next[pass].c = cells[(long long)s * H + unit];
      next[pass].c_prev = s ? cells[(long long)(s - 1) * H + unit] : 0.0f;
      next[pass].dy = row.dy[(long long)time_of(direction, s, T) * at.width() + direction * H + unit];
    }
  };
  fetch(T - 1);
  __syncthreads();
  for (int s = T - 1; s >= 0; --s) {
    Seen now[Passes];
#pragma unroll
    for (int pass = 0; pass < Passes; ++pass) now[pass] = next[pass];
    fetch(s - 1);
#pragma unroll
    for (int pass = 0; pass < Passes; ++pass) {
      const int unit = weights.unit(pass);
      float back[B::outs] = {}, da[Z];
      weights.apply(s & 1, pass, back);
      backward_unit(now[pass], back, Peepholes(theta + at.p(), H, unit), carry[pass], da);
      if (unit >= H || !weights.first()) continue;
#pragma unroll
      for (int g = 0; g < Z; ++g) {
        weights.vector(~s & 1, g)[unit] = da[g];
        gradients[((long long)s * Z + g) * H + unit] = da[g];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int pass = 0; pass < Passes; ++pass) {
    const int unit = weights.unit(pass), p = direction * at.side() + at.p() + unit;
    if (!V::peepholes || unit >= H || !weights.first()) continue;
    if (V::input_gate) update(row, p + (V::i - 1) * H, carry[pass].i);
    if (V::own_forget) update(row, p + (V::f - 1) * H, carry[pass].f);
    if (V::output_gate) update(row, p + (V::o - 1) * H, carry[pass].o);
  }
}

}  // namespace odyssey
