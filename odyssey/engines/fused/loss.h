// What is minimised, in nats summed over the sequence. Each loss turns the output activations of T
// frames into their gradient, in place, and returns its value; lanes beyond K become zeros.
#pragma once

#include <limits>
#include <stdexcept>
#include <string>

#include "memory.h"

namespace odyssey {

// The last vector of a row of K outputs: 1 and 0 in its own lanes, 0 and a large negative beyond.
struct LastVector {
  Vector<float> keep{}, sink{};
  int full, rest;
  explicit LastVector(int K) : full((K - 1) / kLanes<float>), rest(K - full * kLanes<float>) {
    for (int lane = 0; lane < kLanes<float>; ++lane) {
      keep[lane] = lane < rest ? 1.0f : 0.0f;
      sink[lane] = lane < rest ? 0.0f : -1e30f;
    }
  }
};

inline int label_at(const float* labels, int at, int K) {
  const int label = int(labels[at]);
  if (labels[at] < 0 || label >= K || !(labels[at] == labels[at]))
    throw std::invalid_argument("labels must lie in 0.." + std::to_string(K - 1) + ", got " +
                                std::to_string(labels[at]) + " at position " + std::to_string(at));
  return label;
}

// Σ ln of numbers from 1 to 1e38, with one logarithm for many of them.
class LogSum {
 public:
  void add(double factor) {
    product_ *= factor;
    if (!(product_ < 1e270)) *this = LogSum(value());
  }
  double value() const { return sum_ + std::log(product_); }
  explicit LogSum(double sum = 0) : sum_(sum) {}

 private:
  double sum_, product_ = 1;
};

struct Mass {  // log Σ exp(a) = peak + log(total)
  float peak, total;
};

// a ← softmax(a) over K, of N rows side by side, which hide each other's latency.
template <int N>
inline void softmax_rows(float* const (&a)[N], const LastVector& last, Mass (&mass)[N]) {
  constexpr int L = kLanes<float>;
  const int tail = last.full * L;
  Vector<float> most[N], total[N];
  const auto each = [](auto f) {
#pragma GCC unroll 4
    for (int r = 0; r < N; ++r) f(r);
  };
  each([&](int r) { most[r] = load(a[r] + tail) + last.sink; });
  for (int n = 0; n < tail; n += L)
    each([&](int r) {
      const Vector<float> v = load(a[r] + n);
      most[r] = v > most[r] ? v : most[r];
    });
  each([&](int r) {
    mass[r].peak = reduce<float>(most[r], [](auto a, auto b) { return a > b ? a : b; });
    total[r] = exp(load(a[r] + tail) + last.sink - mass[r].peak) * last.keep;
    store(a[r] + tail, total[r]);
  });
  for (int n = 0; n < tail; n += L)
    each([&](int r) {
      const Vector<float> e = exp(load(a[r] + n) - mass[r].peak);
      store(a[r] + n, e);
      total[r] += e;
    });
  float scale[N];
  each([&](int r) {
    mass[r].total = sum<float>(total[r]);
    scale[r] = 1 / mass[r].total;
  });
  for (int n = 0; n <= tail; n += L) each([&](int r) { store(a[r] + n, load(a[r] + n) * scale[r]); });
}

inline Mass softmax_row(float* a, const LastVector& last) {
  float* const rows[] = {a};
  Mass mass[1];
  softmax_rows(rows, last, mass);
  return mass[0];
}

struct LabelledFrame {
  float* a;
  int label;
};

// What softmax_loss does with N frames: adds to the loss and to the logarithms that are part of it.
template <int N>
inline void softmax_frames(const LabelledFrame* frames, const LastVector& last, double& loss, LogSum& logs) {
  float *rows[N], own[N];
  Mass mass[N];
  for (int r = 0; r < N; ++r) {
    rows[r] = frames[r].a;
    own[r] = rows[r][frames[r].label];
  }
  softmax_rows<N>(rows, last, mass);
  for (int r = 0; r < N; ++r) {
    loss += double(mass[r].peak) - own[r];
    logs.add(mass[r].total);
    rows[r][frames[r].label] -= 1;
  }
}

// Cross-entropy of one label a frame; a frame whose label is −1 does not count.
inline double softmax_loss(Rows<float> a, int T, int K, const float* labels) {
  constexpr int together = 4;
  const LastVector last(K);
  double loss = 0;
  LogSum logs;
  LabelledFrame waiting[together];
  int many = 0;
  for (int t = 0; t < T; ++t) {
    if (labels[t] == -1) {
      for (int n = 0; n <= last.full; ++n) store(a[t] + n * kLanes<float>, Vector<float>{});
      continue;
    }
    waiting[many++] = {a[t], label_at(labels, t, K)};
    if (many < together) continue;
    softmax_frames<together>(waiting, last, loss, logs);
    many = 0;
  }
  for (int k = 0; k < many; ++k) softmax_frames<1>(waiting + k, last, loss, logs);
  return loss + logs.value();
}

// Half the squared error of K numbers a frame.
inline double squared_loss(Rows<float> a, int T, int K, const float* targets) {
  constexpr int L = kLanes<float>;
  const LastVector last(K);
  double twice = 0;
  for (int t = 0; t < T; ++t) {
    Vector<float> squares{};
    for (int n = 0; n <= last.full; ++n) {
      const bool whole = n < last.full;
      const float* target = targets + std::ptrdiff_t(t) * K + n * L;
      const Vector<float> y = whole ? load(target) : load_first(target, last.rest, 0.0f);
      const Vector<float> d = (load(a[t] + n * L) - y) * (whole ? broadcast(1.0f) : last.keep);
      store(a[t] + n * L, d);
      squares += d * d;
    }
    twice += sum<float>(squares);
  }
  return twice / 2;
}

// Cross-entropy of K 0/1 targets a frame. log Π (1 + exp(−|a|)) needs one logarithm for many
// factors, each at most 2: 112 of them stay within the range of a float.
inline double bernoulli_loss(Rows<float> a, int T, int K, const float* targets) {
  constexpr int L = kLanes<float>, kFactors = 112 / L;
  const LastVector last(K);
  double loss = 0;
  LogSum logs;
  for (int t = 0; t < T; ++t) {
    Vector<float> linear{}, factors = broadcast(1.0f);
    for (int n = 0; n <= last.full; ++n) {
      const bool whole = n < last.full;
      const Vector<float> keep = whole ? broadcast(1.0f) : last.keep;
      const float* target = targets + std::ptrdiff_t(t) * K + n * L;
      const Vector<float> d = whole ? load(target) : load_first(target, last.rest, 0.0f);
      const Vector<float> v = load(a[t] + n * L), zero{};
      const Vector<float> positive = v < zero ? zero : v, size = v < zero ? -v : v;
      const Vector<float> e = exp(-size), inverse = 1.0f / (1.0f + e);
      store(a[t] + n * L, ((v < zero ? e * inverse : inverse) - d) * keep);
      linear += (positive - d * v) * keep;
      factors *= 1.0f + e * keep;
      if (n % kFactors == kFactors - 1 || !whole) {
        logs.add(reduce<float>(factors, [](auto a, auto b) { return a * b; }));
        factors = broadcast(1.0f);
      }
    }
    loss += sum<float>(linear);
  }
  return loss + logs.value();
}

}  // namespace odyssey
