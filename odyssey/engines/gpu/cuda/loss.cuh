// What is minimised, in nats summed over the sequence. One block a row: each warp takes every
// eighth frame; sums are in double and in a fixed order. In training the activations become their
// gradient, otherwise they stay.
#pragma once

#include "row.cuh"

namespace odyssey {

constexpr int kWarps = kThreads / 32;

__device__ inline float warp_sum(float v) {
  for (int distance = 16; distance; distance /= 2) v += __shfl_xor_sync(0xffffffffu, v, distance);
  return v;
}
__device__ inline float warp_max(float v) {
  for (int distance = 16; distance; distance /= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, distance));
  return v;
}

// log Σ exp of K numbers, as a peak and a rest, in every lane of the warp. Where one is NaN or +inf
// the rest is NaN.
struct LogSum {
  float peak, rest;
};
__device__ inline LogSum log_sum(const float* a, int K, int lane) {
  float peak = a[0], mass = 0;
  for (int k = lane; k < K; k += 32) peak = fmaxf(peak, a[k]);
  peak = warp_max(peak);
  for (int k = lane; k < K; k += 32) mass += expf(a[k] - peak);
  return {peak, logf(warp_sum(mass))};
}

// Writes the row's loss: the warps' shares in order, or NaN where the trial has diverged before.
__device__ inline void finish(const Row& row, double* shared, double share) {
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = share;
  __syncthreads();
  if (threadIdx.x) return;
  double total = 0;
  for (int warp = 0; warp < kWarps; ++warp) total += shared[warp];
  const bool diverged = row.before && !finite(*row.before);
  *row.loss = diverged ? __longlong_as_double(0x7ff8000000000000ll) : total;
}

__device__ inline void softmax_loss(const Row& row, int K, double* shared) {
  const int lane = threadIdx.x % 32, *labels = static_cast<const int*>(row.target);
  double share = 0;
  for (int t = threadIdx.x / 32; t < row.T; t += kWarps) {
    float* a = row.out + (long long)t * K;
    if (labels[t] < 0) {  // the frame does not count
      if (row.training)
        for (int k = lane; k < K; k += 32) a[k] = 0;
      continue;
    }
    const LogSum total = log_sum(a, K, lane);
    share += double(total.peak - a[labels[t]]) + total.rest;
    __syncwarp();
    if (row.training)
      for (int k = lane; k < K; k += 32)
        a[k] = expf(a[k] - total.peak - total.rest) - (k == labels[t] ? 1.0f : 0.0f);
  }
  finish(row, shared, share);
}

__device__ inline void squared_loss(const Row& row, int K, double* shared) {
  const int lane = threadIdx.x % 32;
  const auto* targets = static_cast<const float*>(row.target);
  double twice = 0;
  for (int t = threadIdx.x / 32; t < row.T; t += kWarps) {
    float part = 0;
    for (int k = lane; k < K; k += 32) {
      float& a = row.out[(long long)t * K + k];
      const float d = a - targets[(long long)t * K + k];
      part += d * d;
      if (row.training) a = d;
    }
    twice += warp_sum(part);
  }
  finish(row, shared, twice / 2);
}

__device__ inline void bernoulli_loss(const Row& row, int K, double* shared) {
  const int lane = threadIdx.x % 32;
  const auto* targets = static_cast<const unsigned char*>(row.target);
  double share = 0;
  for (int t = threadIdx.x / 32; t < row.T; t += kWarps) {
    float part = 0;
    for (int k = lane; k < K; k += 32) {
      float& a = row.out[(long long)t * K + k];
      const float d = targets[(long long)t * K + k] ? 1.0f : 0.0f, e = expf(-fabsf(a));
      part += (a < 0 ? 0.0f : a) - d * a + log1pf(e);
      if (row.training) a = (a < 0 ? e : 1.0f) / (1.0f + e) - d;
    }
    share += warp_sum(part);
  }
  finish(row, shared, share);
}

}  // namespace odyssey
