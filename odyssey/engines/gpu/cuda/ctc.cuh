// Connectionist temporal classification (Graves et al., ICML 2006): −ln p(labels | outputs), the
// blank being class K − 1. States: blank, label, blank, …, label, blank. Labels that T frames cannot
// hold have the loss +inf.
//
// Probabilities are numbers m · 2^e with a float and an int, so that nothing underflows and sums
// need no logarithm. One block a sequence, one thread a state; a frame needs one barrier.
#pragma once

#include "loss.cuh"

namespace odyssey {

constexpr int kNever = -1000000000;   // the exponent of a probability of 0
constexpr float kUnlikely = -50000;  // no logarithm is taken for less: 7000 frames stay above never

struct Scaled {
  float m;  // in [1, 2) where normalised
  int e;
};

__device__ inline float power_of_two(int k) {
  return k < -126 ? 0.0f : __int_as_float((k < 127 ? k + 127 : 254) << 23);
}
__device__ inline Scaled normalised(float m, int e) {
  const int bits = __float_as_int(m), exponent = e + (bits >> 23) - 127;
  return {__int_as_float((bits & 0x007fffff) | 0x3f800000), exponent > kNever ? exponent : kNever};
}
__device__ inline int larger(int a, int b) { return a > b ? a : b; }
__device__ inline Scaled sum(Scaled a, Scaled b, Scaled c) {
  const int e = larger(larger(a.e, b.e), c.e);
  return {a.m * power_of_two(a.e - e) + b.m * power_of_two(b.e - e) + c.m * power_of_two(c.e - e), e};
}
__device__ inline Scaled scaled_exp(float x) {
  x = fmaxf(x, kUnlikely);
  const float k = rintf(x * 1.44269504f);
  return normalised(expf(fmaf(k, -1.42860677e-6f, fmaf(k, -0.693145752f, x))), int(k));
}

class Ctc {
 public:
  __device__ Ctc(const Row& row, int K)
      : row_(row), K_(K), S_(2 * row.U + 1), labels_(static_cast<const int*>(row.target)) {
    const long long size = (long long)row.T * S_;
    alpha_ = {row.paths, reinterpret_cast<int*>(row.paths) + size};
    own_ = {row.paths + 2 * size, reinterpret_cast<int*>(row.paths) + 3 * size};
    beta_ = {row.paths + 4 * size, reinterpret_cast<int*>(row.paths) + 4 * size + 2 * S_};
  }

  __device__ void run(double* shared, int* broken) {
    if (threadIdx.x == 0) *broken = 0;
    __syncthreads();
    emit(broken);
    __syncthreads();
    forward();
    const Scaled all = mass();
    double loss = all.e < kNever / 2 ? __longlong_as_double(0x7ff0000000000000ll)
                                     : -(log(double(all.m)) + all.e * 0.6931471805599453);
    if (*broken) loss = __longlong_as_double(0x7ff8000000000000ll);
    finish(row_, shared, threadIdx.x ? 0.0 : loss);
    if (!row_.training || !finite(loss)) return;
    backward(all);
    gradient();
  }

 private:
  struct Table {
    float* m;
    int* e;
    __device__ Scaled at(long long n) const { return {m[n], e[n]}; }
    __device__ void put(long long n, Scaled value) const { m[n] = value.m, e[n] = value.e; }
  };

  __device__ int class_of(int s) const { return s & 1 ? labels_[s / 2] : K_ - 1; }
  __device__ bool skips(int s) const {
    return s & 1 && s >= 3 && s < S_ && labels_[s / 2] != labels_[s / 2 - 1];
  }
  __device__ static Scaled never() { return {1.0f, kNever}; }

  // The probability of every state's class at every frame.
  __device__ void emit(int* broken) const {
    const int lane = threadIdx.x % 32;
    for (int t = threadIdx.x / 32; t < row_.T; t += kWarps) {
      const float* a = row_.out + (long long)t * K_;
      const LogSum total = log_sum(a, K_, lane);
      if (!finite(total.peak) || !finite(total.rest)) *broken = 1;
      for (int s = lane; s < S_; s += 32)
        own_.put((long long)t * S_ + s, scaled_exp(a[class_of(s)] - total.peak - total.rest));
    }
  }

  // alpha[t][s]: all ways to be in state s after frame t.
  __device__ void forward() const {
    for (int t = 0; t < row_.T; ++t) {
      const long long now = (long long)t * S_, before = now - S_;
      for (int s = threadIdx.x; s < S_; s += kThreads) {
        Scaled from = s < 2 ? Scaled{1.0f, 0} : never();
        if (t > 0)
          from = sum(alpha_.at(before + s), s > 0 ? alpha_.at(before + s - 1) : never(),
                     skips(s) ? alpha_.at(before + s - 2) : never());
        const Scaled p = own_.at(now + s);
        alpha_.put(now + s, normalised(from.m * p.m, from.e + p.e));
      }
      __syncthreads();
    }
  }
  __device__ Scaled mass() const {
    const long long end = (long long)row_.T * S_ - 1;
    const Scaled all = sum(alpha_.at(end), S_ > 1 ? alpha_.at(end - 1) : never(), never());
    return normalised(all.m, all.e);
  }

  // own[t][s].m ← the share of the paths that are in state s at frame t. beta[s]: all ways on from
  // state s, its own frame included.
  __device__ void backward(Scaled all) const {
    for (int t = row_.T - 1; t >= 0; --t) {
      const int later = ((t + 1) & 1) * S_, now = (t & 1) * S_;
      for (int s = threadIdx.x; s < S_; s += kThreads) {
        Scaled onward = s >= S_ - 2 ? Scaled{1.0f, 0} : never();
        if (t < row_.T - 1)
          onward = sum(beta_.at(later + s), s + 1 < S_ ? beta_.at(later + s + 1) : never(),
                       skips(s + 2) ? beta_.at(later + s + 2) : never());
        const long long here = (long long)t * S_ + s;
        const Scaled p = own_.at(here), before = alpha_.at(here);
        beta_.put(now + s, normalised(onward.m * p.m, onward.e + p.e));
        own_.m[here] = before.m * onward.m / all.m * power_of_two(before.e + onward.e - all.e);
      }
      __syncthreads();
    }
  }

  // a ← softmax(a) − the shares of each class, gathered in the labels' order: no atomic sums.
  __device__ void gradient() const {
    const int lane = threadIdx.x % 32;
    for (int t = threadIdx.x / 32; t < row_.T; t += kWarps) {
      float* a = row_.out + (long long)t * K_;
      const float* share = own_.m + (long long)t * S_;
      const LogSum total = log_sum(a, K_, lane);
      __syncwarp();
      for (int k = lane; k < K_; k += 32) {
        float taken = 0;
        for (int u = 0; u < row_.U; ++u)
          if (labels_[u] == k) taken += share[2 * u + 1];
        if (k == K_ - 1)
          for (int u = 0; u <= row_.U; ++u) taken += share[2 * u];
        a[k] = expf(a[k] - total.peak - total.rest) - taken;
      }
    }
  }

  const Row& row_;
  int K_, S_;
  const int* labels_;
  Table alpha_, own_, beta_;
};

}  // namespace odyssey
