// The recurrent weights of one direction, spread over a block, and their product with a vector.
//
// A thread is lane s of S that share a unit; it holds every S-th group of four weights of all of
// the unit's matrices: the first in registers, as many more as fit in shared memory, the rest comes
// from L2 each step, coalesced. Sums run over the groups in one order, so where a weight lies changes
// no bit. The vector that the matrices are applied to lies twice in shared memory, written in one
// copy while the other is read, so a step needs one barrier.
#pragma once

#include "row.cuh"

namespace odyssey {

constexpr int kSharedFloats = ODYSSEY_SHARED / 4;  // what the device lets a block have

constexpr int kGates = G ? G : 1;  // what may be divided by

// Of the 255 that a thread of 256 can have: as many as ptxas fits without a spill.
__host__ __device__ constexpr int weight_registers(int lanes, bool backward) {
  return lanes > 2 ? 208 : lanes == 1 ? 160 : backward ? 176 : 192;
}

__host__ __device__ constexpr int least(int a, int b) { return a < b ? a : b; }

// The H × H blocks that a step multiplies: forward from y (and the gates before, where gates are
// recurrent) to z, i, f, o; backward the other way.
template <bool Backward>
struct Blocks {
  static constexpr int across = V::gate_recurrence ? G : 0, count = Z + across * across;
  static constexpr int outs = Backward ? 1 + across : Z, ins = Backward ? Z : 1 + across;
  __host__ __device__ static constexpr int later(int b) { return b < Z ? b : 1 + (b - Z) / kGates; }
  __host__ __device__ static constexpr int earlier(int b) { return b < Z ? 0 : 1 + (b - Z) % kGates; }
  __host__ __device__ static constexpr int out(int b) { return Backward ? earlier(b) : later(b); }
  __host__ __device__ static constexpr int in(int b) { return Backward ? later(b) : earlier(b); }
};

// Matrices with one row an input and one column a unit, so that units are neighbours: R and Q as
// they are for the way back, transposed for the way forth.
template <bool Backward>
struct Source {
  const float *R, *Q;
  int H;
  __device__ float operator()(int b, int from, int unit) const {
    const int own = b < Z ? b : (b - Z) / kGates, other = b < Z ? 0 : (b - Z) % kGates;
    if (b < Z) return Backward ? R[(own * H + from) * H + unit] : R[from * Z * H + own * H + unit];
    return Backward ? Q[(own * H + from) * G * H + other * H + unit]
                    : Q[(other * H + from) * G * H + own * H + unit];
  }
};

// Of S lanes and `Passes` units a thread: room for H ≤ Passes · kThreads / S.
template <int S, int Passes, bool Backward>
class Weights {
 public:
  using B = Blocks<Backward>;
  static constexpr int most = Passes * kThreads / S;  // units
  static constexpr int groups = most / (4 * S);       // of four inputs, a lane's own
  static constexpr int held = Passes > 1 ? 0 : least(groups, weight_registers(S, Backward) / (4 * B::count));
  static constexpr int pitch = most + 4;            // of one vector in shared memory
  static constexpr int vectors = 2 * B::ins * pitch;  // floats; the weights begin after them
  static constexpr int kept =
      Passes > 1 ? 0 : least(groups - held, (kSharedFloats - vectors) / (4 * B::count * kThreads));
  static constexpr int streamed = groups - held - kept;
  static constexpr bool wide = B::outs == 1;  // one sum a block: as many independent chains
  static constexpr int parts = wide ? B::count : B::outs;
  static_assert(vectors <= kSharedFloats, "ODYSSEY_SHARED does not hold the vectors");

  __device__ Weights(const Source<Backward>& source, float* shared)
      : source_(source), shared_(shared), lane_(threadIdx.x % S) {
    for (int e = threadIdx.x; e < vectors; e += kThreads) shared_[e] = 0;
#pragma unroll
    for (int m = 0; m < held; ++m) {
#pragma unroll
      for (int b = 0; b < B::count; ++b)
#pragma unroll
        for (int e = 0; e < 4; ++e) own_[m][b][e] = weight(b, 4 * (lane_ + S * m) + e, unit(0));
      __syncthreads();  // keeps the compiler from starting so many loads that it runs out of registers
    }
    for (int m = 0; m < kept; ++m)
      for (int b = 0; b < B::count; ++b)
        for (int e = 0; e < 4; ++e) place(m, b)[e] = weight(b, 4 * (lane_ + S * (held + m)) + e, unit(0));
    __syncthreads();
  }
  __device__ int unit(int pass) const { return (pass * kThreads + int(threadIdx.x)) / S; }
  __device__ bool first() const { return lane_ == 0; }
  // Input `in` of the vector that is read (parity of the step) or written (the other).
  __device__ float* vector(int parity, int in) const { return shared_ + (parity * B::ins + in) * pitch; }

  // sum[out] += Σ over inputs, complete in every lane.
  __device__ void apply(int parity, int pass, float (&sum)[B::outs]) const {
    float part[parts] = {};
#pragma unroll
    for (int m = 0; m < held; ++m) {
#pragma unroll
      for (int in = 0; in < B::ins; ++in) {
        const float4 v = four(parity, in, lane_ + S * m);
#pragma unroll
        for (int b = 0; b < B::count; ++b)
          if (B::in(b) == in) add(part[part_of(b)], own_[m][b], v);
      }
    }
#pragma unroll 1
    for (int m = 0; m < kept; ++m) {
#pragma unroll
      for (int in = 0; in < B::ins; ++in) {
        const float4 v = four(parity, in, lane_ + S * (held + m));
#pragma unroll
        for (int b = 0; b < B::count; ++b)
          if (B::in(b) == in) {
            const float4 w = *reinterpret_cast<const float4*>(place(m, b));
            const float own[4] = {w.x, w.y, w.z, w.w};
            add(part[part_of(b)], own, v);
          }
      }
    }
    if (streamed) stream(parity, unit(pass), part);
#pragma unroll
    for (int k = 0; k < parts; ++k) {
#pragma unroll
      for (int distance = S / 2; distance; distance /= 2)
        part[k] += __shfl_xor_sync(0xffffffffu, part[k], distance);
      sum[wide ? 0 : k] += part[k];
    }
  }

 private:
  __host__ __device__ static constexpr int part_of(int b) { return wide ? b : B::out(b); }
  __device__ float weight(int b, int from, int unit) const {
    return from < source_.H && unit < source_.H ? source_(b, from, unit) : 0.0f;
  }
  __device__ float* place(int m, int b) const {
    return shared_ + vectors + ((m * B::count + b) * kThreads + threadIdx.x) * 4;
  }
  __device__ float4 four(int parity, int in, int group) const {
    return *reinterpret_cast<const float4*>(vector(parity, in) + 4 * group);
  }
  __device__ static void add(float& part, const float (&w)[4], const float4& v) {
    part += w[0] * v.x;
    part += w[1] * v.y;
    part += w[2] * v.z;
    part += w[3] * v.w;
  }
  // The weights that fit nowhere, from L2; several loads are under way at once.
  __device__ void stream(int parity, int unit, float (&part)[parts]) const {
#pragma unroll 1
    for (int from = 4 * (lane_ + S * (held + kept)); from < source_.H; from += 4 * S) {
      float w[B::count][4];
#pragma unroll
      for (int b = 0; b < B::count; ++b)
#pragma unroll
        for (int e = 0; e < 4; ++e) w[b][e] = weight(b, from + e, unit);
#pragma unroll
      for (int in = 0; in < B::ins; ++in) {
        const float4 v = four(parity, in, from / 4);
#pragma unroll
        for (int b = 0; b < B::count; ++b)
          if (B::in(b) == in) add(part[part_of(b)], w[b], v);
      }
    }
  }

  Source<Backward> source_;
  float* shared_;
  int lane_;
  float own_[held ? held : 1][B::count][4];
};

}  // namespace odyssey
