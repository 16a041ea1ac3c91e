// Connectionist temporal classification (Graves et al., ICML 2006): −ln p(labels | outputs), with
// the blank as the last class. Labels that do not fit the frames (fewer frames than labels plus
// repeats) have probability 0: the loss is +inf.
//
// Probabilities are numbers m · 2^e with a double for each of m and e, so neither long sequences
// nor certain networks underflow, and sums need no logarithm.
#pragma once

#include "loss.h"

namespace odyssey {

// The exponent of a probability of 0: no path of real ones comes near it.
constexpr double kNever = -1e15;

struct Scaled {
  Vector<double> m, e;  // m in [1, 2) where normalised, e an integer
};

// 2^k for integers; below k = −1000 nothing that matters.
inline Vector<double> power_of_two(Vector<double> k) {
  constexpr double kRound = 6755399441055744.0;  // 1.5 · 2^52: leaves k in the lowest bits
  const Vector<double> shifted = bounded(k, -1000.0, 1000.0) + kRound;
  return (Vector<double>)(((Bits<double>)shifted << 52) + 0x3ff0000000000000ull);
}

inline Scaled normalised(Vector<double> m, Vector<double> e) {
  const Bits<double> bits = (Bits<double>)m;
  const Vector<double> exponent = (Vector<double>)((bits >> 52) | 0x4330000000000000ull);  // + 2^52
  const Bits<double> mantissa = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
  return {(Vector<double>)mantissa, e + (exponent - (4503599627370496.0 + 1023))};
}

inline Scaled sum(Scaled a, Scaled b, Scaled c) {
  const Vector<double> e = larger(larger(a.e, b.e), c.e);
  return {a.m * power_of_two(a.e - e) + b.m * power_of_two(b.e - e) + c.m * power_of_two(c.e - e), e};
}

// exp(x) for x ≤ 0: the power of two apart, the rest by its series on |r| ≤ ln2 / 2.
inline Scaled scaled_exp(Vector<double> x) {
  constexpr double kRound = 6755399441055744.0;
  x = bounded(x, -1e8, 1.0);
  const Vector<double> k = (x * 1.4426950408889634 + kRound) - kRound;
  const Vector<double> r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  constexpr double series[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  Vector<double> m = broadcast(series[0]);
#pragma GCC unroll 16
  for (int n = 1; n < 13; ++n) m = m * r + series[n];
  return {m, k};
}

class Ctc {
 public:
  Ctc() = default;
  // Room for T frames and `labels` labels: states blank, label, blank, …, label, blank.
  Ctc(Pieces& pieces, int T, int K, int labels) : S_(2 * labels + 1), vectors_((S_ + L - 1) / L), K_(K) {
    emission_ = Table(pieces, T, stride());
    alpha_ = Table(pieces, T + 1, stride());
    beta_ = Table(pieces, 1, stride());
    chances_ = Table(pieces, 1, (labels / L + 1) * L);
    skip_ = pieces.take<double>(stride());
    classes_ = pieces.take<int>(S_);
  }

  // Loss of the activations a (T, K), which become its gradient.
  double loss(Rows<float> a, int T, const float* labels, int count) {
    read_labels(labels, count);
    if (!emissions(a, T)) return std::numeric_limits<double>::quiet_NaN();
    forward(T);
    const double m = alpha_.m[T][end()], e = alpha_.e[T][end()];
    const double m2 = alpha_.m[T][end() - 1], e2 = alpha_.e[T][end() - 1], most = std::max(e, e2);
    if (most < kNever / 2) return std::numeric_limits<double>::infinity();
    const double mass = std::ldexp(m, clipped(e - most)) + std::ldexp(m2, clipped(e2 - most));
    backward(a, T, mass, most);
    return -(std::log(mass) + most * 0.6931471805599453);
  }

 private:
  static constexpr int L = kLanes<double>;

  // Scaled numbers for every state, with a vector of probability 0 on either side.
  struct Table {
    Rows<double> m{}, e{};
    Table() = default;
    Table(Pieces& pieces, int rows, std::ptrdiff_t stride)
        : m(pieces.take_rows<double>(rows, stride)), e(pieces.take_rows<double>(rows, stride)) {}
    Scaled at(int row, int n) const { return {load(m[row] + n), load(e[row] + n)}; }
    void put(int row, int n, Scaled value) const {
      store(m[row] + n, value.m);
      store(e[row] + n, value.e);
    }
    void never(int row, int from, int count) const {
      std::fill_n(m[row] + from, count, 1.0);
      std::fill_n(e[row] + from, count, kNever);
    }
  };

  std::ptrdiff_t stride() const { return std::ptrdiff_t(vectors_ + 2) * L; }
  int end() const { return L + S_ - 1; }
  static int clipped(double exponent) { return int(std::max(exponent, -2000.0)); }

  void read_labels(const float* labels, int count) {
    std::fill_n(skip_, stride(), kNever);
    std::fill_n(classes_, S_, K_ - 1);
    for (int u = 0; u < count; ++u) {
      classes_[2 * u + 1] = label_at(labels, u, K_ - 1);
      if (u && classes_[2 * u + 1] != classes_[2 * u - 1]) skip_[L + 2 * u + 1] = 0;
    }
  }

  // p(class of s) for every frame and state, and a ← softmax(a); false where that is not finite.
  bool emissions(Rows<float> a, int T) {
    const LastVector last(K_);
    const int labels = S_ / 2;
    std::fill_n(chances_.m[0], (labels / L + 1) * L, 0.0);
    for (int t = 0; t < T; ++t) {
      for (int u = 0; u < labels; ++u) chances_.m[0][u] = a[t][classes_[2 * u + 1]];
      const double blank = a[t][K_ - 1];
      const Mass mass = softmax_row(a[t], last);
      const double total = mass.peak + std::log(double(mass.total));
      if (!std::isfinite(total)) return false;
      const Scaled no = scaled_exp(broadcast(blank - total));
      for (int u = 0; u <= labels; u += L) {
        const Scaled p = scaled_exp(load(chances_.m[0] + u) - total);
        emission_.put(t, L + 2 * u, {alternating<0>(no.m, p.m), alternating<0>(no.e, p.e)});
        emission_.put(t, L + 2 * u + L, {alternating<1>(no.m, p.m), alternating<1>(no.e, p.e)});
      }
      emission_.never(t, 0, L);
      emission_.never(t, L + S_, int(stride()) - L - S_);
    }
    return true;
  }

  // a, b, a, b, … with the first or the second half of b.
  template <int half>
  static Vector<double> alternating(Vector<double> a, Vector<double> b) {
    const Bits<double> lane = lane_numbers<double>();
    return __builtin_shuffle(a, b, (lane & 1) * (L + half * (L / 2)) + lane / 2 * (lane & 1));
  }

  // alpha[t + 1][s]: all ways to be in state s after frame t. Row 0 lets both first states be
  // entered from a state before them.
  void forward(int T) {
    for (int t = 0; t <= T; ++t) {
      alpha_.never(t, 0, t ? L : int(stride()));
      alpha_.never(t, (vectors_ + 1) * L, L);
    }
    alpha_.e[0][L - 1] = 0;
    skip_[L + 1] = 0;
    for (int t = 0; t < T; ++t)
      for (int n = L; n <= vectors_ * L; n += L) {
        Scaled jump = alpha_.at(t, n - 2);
        jump.e += load(skip_ + n);
        const Scaled from = sum(alpha_.at(t, n), alpha_.at(t, n - 1), jump), p = emission_.at(t, n);
        alpha_.put(t + 1, n, normalised(from.m * p.m, from.e + p.e));
      }
  }

  // a[t][k] −= share of the paths that are in a state of class k at frame t. beta[s]: all ways on
  // from state s, its own frame included.
  void backward(Rows<float> a, int T, double mass, double exponent) {
    Vector<double> blanks{};
    beta_.never(0, 0, int(stride()));
    for (int t = T - 1; t >= 0; --t)
      for (int n = L; n <= vectors_ * L; n += L) {
        const Scaled onward = t == T - 1 ? ends(n) : continuing(n);
        const Scaled p = emission_.at(t, n), before = alpha_.at(t + 1, n);
        beta_.put(0, n, normalised(onward.m * p.m, onward.e + p.e));
        const Vector<double> share =
            before.m * onward.m / mass * power_of_two(before.e + onward.e - exponent);
        for (int lane = 1; lane < L && n - L + lane < S_; lane += 2)
          a[t][classes_[n - L + lane]] -= float(share[lane]);
        blanks = n == L ? share : blanks + share;  // every other state is one
        if (n == vectors_ * L)
          for (int lane = 0; lane < L; lane += 2) a[t][K_ - 1] -= float(blanks[lane]);
      }
  }
  Scaled continuing(int n) const {
    Scaled jump = beta_.at(0, n + 2);
    jump.e += load(skip_ + n + 2);
    return sum(beta_.at(0, n), beta_.at(0, n + 1), jump);
  }
  Scaled ends(int n) const {  // 1 in the last two states
    Scaled value{broadcast(1.0), broadcast(kNever)};
    for (int lane = 0; lane < L; ++lane)
      if (n + lane == end() || n + lane == end() - 1) value.e[lane] = 0;
    return value;
  }

  int S_ = 0, vectors_ = 0, K_ = 0;
  Table emission_, alpha_, beta_, chances_;
  double* skip_ = nullptr;
  int* classes_ = nullptr;
};

}  // namespace odyssey
