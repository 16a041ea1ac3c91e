// Connectionist temporal classification (Graves et al., ICML 2006): −ln p(labels | outputs), with
// the blank as the last class. Forward and backward variables are logarithms in double, so neither
// long sequences nor certain networks underflow. Labels that do not fit the frames (fewer frames
// than labels plus repeats) have probability 0: the loss is +inf.
#pragma once

#include "loss.h"

namespace odyssey {

// The logarithm of 0: so small that no sum of real ones reaches it, far enough from −inf to add up.
constexpr double kLogZero = -1e300;

// exp for x ≤ 0, relative error below 1e-15; below −700 nothing that matters.
inline Vector<double> exp(Vector<double> x) {
  x = clamp(x, -700.0, 0.0);
  constexpr double kRound = 6755399441055744.0;  // 1.5 · 2^52
  const Vector<double> shifted = x * 1.4426950408889634 + kRound;
  const Vector<double> k = shifted - kRound;
  const Vector<double> r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  Vector<double> p = broadcast(1.0 / 479001600);
  for (double factorial : {39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0,
                           6.0, 2.0, 1.0, 1.0})
    p = p * r + 1 / factorial;
  const Bits<double> scale = ((Bits<double>)shifted << 52) + 0x3ff0000000000000ull;
  return p * (Vector<double>)scale;
}

// log for 1 ≤ x ≤ 3 by 2 artanh((x − 1) / (x + 1)), relative error below 1e-15.
inline Vector<double> log_small(Vector<double> x) {
  const Vector<double> zero{}, ln2 = broadcast(0.6931471805599453);
  const auto high = x > 1.4142135623730951;
  x = high ? 0.5 * x : x;
  const Vector<double> f = (x - 1.0) / (x + 1.0), s = f * f;
  Vector<double> p = broadcast(1.0 / 23);
  for (double odd : {21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0})
    p = p * s + 1 / odd;
  return 2.0 * f * p + (high ? ln2 : zero);
}

inline Vector<double> log_add(Vector<double> a, Vector<double> b, Vector<double> c) {
  const Vector<double> low = a < b ? a : b, high = a < b ? b : a;
  const Vector<double> most = high < c ? c : high, middle = high < c ? high : c;
  return most + log_small(1.0 + exp(low - most) + exp(middle - most));
}

class Ctc {
 public:
  Ctc() = default;
  // Room for T frames and `labels` labels: states blank, label, blank, …, label, blank.
  Ctc(Pieces& pieces, int T, int labels) : S_(2 * labels + 1), vectors_((S_ + L - 1) / L) {
    const std::ptrdiff_t stride = (vectors_ + 2) * L;  // a vector of log 0 on either side
    log_p_ = pieces.take_rows<double>(T, stride);
    alpha_ = pieces.take_rows<double>(T + 1, stride);
    beta_ = pieces.take_rows<double>(1, stride);
    skip_ = pieces.take<double>(stride);
    classes_ = pieces.take<int>(S_);
  }

  // Loss of the activations a (T, K), which become its gradient.
  double loss(Rows<float> a, int T, int K, const float* labels, int count) {
    read_labels(labels, count, K);
    emissions(a, T, K);
    const double log_likelihood = forward(T);
    if (log_likelihood < kLogZero / 2) return std::numeric_limits<double>::infinity();
    backward(a, T, log_likelihood);
    return -log_likelihood;
  }

 private:
  static constexpr int L = kLanes<double>;
  int stride() const { return (vectors_ + 2) * L; }

  void read_labels(const float* labels, int count, int K) {
    std::fill_n(skip_, stride(), kLogZero);
    std::fill_n(classes_, S_, K - 1);
    for (int u = 0; u < count; ++u) {
      classes_[2 * u + 1] = label_at(labels, u, K - 1);
      if (u && classes_[2 * u + 1] != classes_[2 * u - 1]) skip_[L + 2 * u + 1] = 0;
    }
  }

  void emissions(Rows<float> a, int T, int K) {
    const LastVector last(K);
    for (int t = 0; t < T; ++t) {
      double* row = log_p_[t];
      std::fill_n(row, stride(), kLogZero);
      for (int s = 0; s < S_; ++s) row[L + s] = a[t][classes_[s]];
      const double total = softmax_row(a[t], last);
      for (int s = 0; s < S_; ++s) row[L + s] -= total;
    }
  }

  // alpha[t + 1][s]: log probability of all ways to be in state s after frame t.
  double forward(int T) {
    std::fill_n(alpha_[0], stride(), kLogZero);
    alpha_[0][L - 1] = 0;  // before the first frame: one step from either first state
    for (int t = 0; t < T; ++t) {
      std::fill_n(alpha_[t + 1], L, kLogZero);
      std::fill_n(alpha_[t + 1] + (vectors_ + 1) * L, L, kLogZero);
      for (int n = L; n <= vectors_ * L; n += L) {
        const double* from = alpha_[t] + n;
        const Vector<double> jump = load(from - 2) + load(skip_ + n);
        store(alpha_[t + 1] + n, log_add(load(from), load(from - 1), jump) + load(log_p_[t] + n));
      }
      if (t == 0 && S_ > 1) alpha_[1][L + 1] = log_p_[0][L + 1];
    }
    const double* end = alpha_[T] + L + S_ - 1;
    const double most = std::max(end[0], end[-1]), least = std::min(end[0], end[-1]);
    return most + std::log1p(std::exp(least - most));
  }

  // a[t][k] −= share of the paths that are in a state of class k at frame t.
  void backward(Rows<float> a, int T, double log_likelihood) {
    double* beta = beta_[0];  // log probability of all ways from state s, its own frame included
    std::fill_n(beta, stride(), kLogZero);
    for (int t = T - 1; t >= 0; --t) {
      const bool end = t == T - 1;
      for (int n = L; n <= vectors_ * L; n += L) {
        Vector<double> onward{};
        if (!end) {
          const Vector<double> jump = load(beta + n + 2) + load(skip_ + n + 2);
          onward = log_add(load(beta + n), load(beta + n + 1), jump);
        } else {
          for (int lane = 0; lane < L; ++lane)
            onward[lane] = n - L + lane >= S_ - 2 && n - L + lane < S_ ? 0 : kLogZero;
        }
        store(beta + n, onward + load(log_p_[t] + n));
        Vector<double> share = exp(load(alpha_[t + 1] + n) + onward - log_likelihood);
        for (int lane = 0; lane < L && n - L + lane < S_; ++lane)
          a[t][classes_[n - L + lane]] -= float(share[lane]);
      }
    }
  }

  int S_ = 0, vectors_ = 0;
  Rows<double> log_p_{}, alpha_{}, beta_{};
  double* skip_ = nullptr;
  int* classes_ = nullptr;
};

}  // namespace odyssey
