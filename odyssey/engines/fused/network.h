// The whole network of NetworkSpec on one flat array of parameters, and one training step of it.
#pragma once

#include <vector>

#include "ctc.h"
#include "evaluate.h"
#include "gradients.h"
#include "helper.h"
#include "loss.h"
#include "network_layout.h"
#include "noise.h"
#include "update.h"

namespace odyssey {

// One training step, whole or in two halves, and an evaluation. What the pointers of its four public
// functions are:
//   x         float[T][D], T ≥ 1; read only
//   target    float[T] classes, float[labels] classes (CTC) or float[T][K] (Bernoulli, squared); read only;
//             not looked at where the loss is outside
//   labels    how many classes `target` holds for CTC; not looked at otherwise
//   noise     added to a copy of x, none where its std is 0; dropout of what the output layer sees
//   theta     float[layout().size], padded and packed by `each`; the padding must be zeros and stays zeros
//   state     float[rule.arrays()][layout().size], what the rule goes on from, each as theta; not looked at
//             where it has none
//   outputs   float[T][K], written: the activations before softmax or sigmoid
//   gradient  float[T][K] of the loss by them; read only
// Arrays are contiguous and must not overlap. None needs more alignment than a float, but theta and state
// are walked in vectors: at multiples of 64 bytes they are read fastest. All are the caller's and are used
// until the return only, except x and theta of forward(), which learn() reads again. The arena holds all that
// a pass computes until the next pass of any network that has it; it must outlive the network.
template <class V>
class Network {
 public:
  static constexpr int L = kLanes<float>;

  Network(const NetworkShape& shape, Arena& arena) : layout_(shape), arena_(arena) {
    for (int d = 0; d < shape.directions; ++d) directions_.emplace_back(shape.inputs, shape.hidden);
    interleave_ = shape.directions * directions_[0].recurrent_bytes() <= kInterleaveBytes;
  }
  const NetworkLayout<V>& layout() const { return layout_; }
  int frames() const { return T_; }

  // From now on passes use a second thread where there are two directions, or none if null: the bits are the
  // same.
  void use(Helper* helper) { helper_ = shape().directions == 2 ? helper : nullptr; }

  // A whole step; returns the loss before the update, in nats summed over the sequence. A loss that is
  // not finite leaves theta and state alone.
  double step(const float* x, int T, const float* target, int labels, const Noise& noise, float* theta,
              float* state, const Rule& rule) {
    prepare(x, T, labels, theta, &noise);
    activate();
    const double value = loss(target, labels);
    if (!std::isfinite(value)) return value;
    backward(theta);
    descend(theta, state, rule);
    return value;
  }

  // Loss without noise and learning, NaN where it is computed outside; writes the activations.
  double evaluate(const float* x, int T, const float* target, int labels, const float* theta,
                  float* outputs) {
    prepare(x, T, labels, theta, nullptr);
    activate();
    copy_activations(outputs);
    return loss(target, labels);
  }

  // The same of each of some sequences: the same bits, in less time if there are several. Losses are written
  // unless that is null.
  void evaluate(const std::vector<Presented>& sequences, const float* theta, double* losses) {
    constexpr std::size_t most = Batch<V>::kRows * kKeptFloats;
    for (std::size_t first = 0, last = 0; first < sequences.size(); first = last) {
      std::size_t kept = 0;  // of one direction's outputs until the other's are there
      for (; last < sequences.size() && (last - first < Batch<V>::kRows || kept < most); ++last)
        kept += sequences[last].T * layout_.layer.padded();
      evaluate(sequences.data() + first, int(last - first), theta, losses ? losses + first : nullptr);
    }
  }

  // A step in two halves, for a loss that is computed outside: the forward pass of training writes the
  // activations, and what it found stays in the arena until the next pass of any network there.
  void forward(const float* x, int T, const Noise& noise, const float* theta, float* outputs) {
    prepare(x, T, 0, theta, &noise);
    activate();
    copy_activations(outputs);
    may_learn_ = true;
  }
  // The second half, once for each first one. Throws std::logic_error without it.
  void learn(const float* gradient, float* theta, float* state, const Rule& rule) {
    if (!may_learn_ || theta != theta_)
      throw std::logic_error("learning needs the forward pass of the same parameters before it");
    may_learn_ = false;
    const int K = shape().outputs, padded = layout_.output_vectors * L;
    for (int t = 0; t < T_; ++t) {
      std::copy_n(gradient + std::ptrdiff_t(t) * K, K, a_[t]);
      std::fill_n(a_[t] + K, padded - K, 0.0f);
    }
    backward(theta);
    descend(theta, state, rule);
  }

 private:
  static constexpr std::size_t kKeptFloats = 1 << 17;
  // Two directions side by side hide each other's latency, as long as both fit L1.
  static constexpr std::size_t kInterleaveBytes = 32 << 10;

  const NetworkShape& shape() const { return layout_.shape; }
  // Columns of dy for one direction. Lanes beyond H are not looked at in shared vectors, and zero elsewhere.
  int side_columns() const { return layout_.layer.rest ? shape().hidden : int(layout_.layer.padded()); }

  // For training if there is a noise.
  void prepare(const float* x, int T, int labels, const float* theta, const Noise* training);
  void evaluate(const Presented* sequences, int count, const float* theta, double* losses);
  void assign_loss(Pieces& pieces, const Presented& sequence);  // what a loss needs, from T_ and a_ on

  // Rows in time, in the order in which a direction sees them.
  template <class Real>
  Rows<Real> in_order(int direction, Rows<Real> rows) const {
    return direction ? rows.reversed(T_) : rows;
  }

  // Calls f(direction), for both at once where there is a helper.
  template <class F>
  void each_direction(F f) {
    if (helper_) helper_->both(f);
    else
      for (int d = 0; d < shape().directions; ++d) f(d);
  }
  // Calls f(first frame, last frame + 1) for all frames, for both halves at once where there is a helper.
  template <class F>
  void each_half(F f) {
    if (helper_) helper_->both([&](int half) { f(half ? T_ / 2 : 0, half ? T_ : T_ / 2); });
    else f(0, T_);
  }

  template <class Step>
  void sweep(Step step) {
    if (helper_)
      helper_->both([&](int d) {
        for (int s = 0; s < T_; ++s) step(d, s);
      });
    else if (interleave_)
      for (int s = 0; s < T_; ++s)
        for (int d = 0; d < shape().directions; ++d) step(d, s);
    else
      for (int d = 0; d < shape().directions; ++d)
        for (int s = 0; s < T_; ++s) step(d, s);
  }

  // What the output layer sees of a direction: T rows in the order s.
  Rows<float> seen(int d) const { return mask_.data ? kept_[d] : directions_[d].y.from(1); }
  // Calls f(d, s, its H numbers of the mask) for every frame of every direction.
  template <class F>
  void each_frame(F f) const {
    for (int d = 0; d < shape().directions; ++d) {
      const Rows<float> own = in_order(d, mask_.from_column(d * shape().hidden));
      for (int s = 0; s < T_; ++s) f(d, s, own[s]);
    }
  }
  // to[j] = a[j] b[j], for j < count; nothing else is touched.
  static void multiply(const float* a, const float* b, int count, float* to) {
    int j = 0;
    for (; j + L <= count; j += L) store(to + j, load(a + j) * load(b + j));
    for (; j < count; ++j) to[j] = a[j] * b[j];
  }

  void copy_activations(float* outputs) const {
    for (int t = 0; t < T_; ++t)
      std::copy_n(a_[t], shape().outputs, outputs + std::ptrdiff_t(t) * shape().outputs);
  }

  void activate();
  void output_product(int first, int end);  // the activations of some frames
  double loss(const float* target, int labels);
  void backward(const float* theta);
  void backward_step(int d, int s) {
    const Rows<float> dy = dy_.from_column(d * side_columns());
    directions_[d].backward_step(T_ - 1 - s, in_order(d, dy));
  }

  void descend(float* theta, float* state, const Rule& rule);

  template <class F>
  void each_panel(F f) const {
    const Split split = layout_.panels();
    for (int part = 0; part < split.parts; ++part) f(split.start(part), split.width(part));
  }

  NetworkLayout<V> layout_;
  Arena& arena_;
  std::vector<Direction<float, V>> directions_;
  Helper* helper_ = nullptr;
  bool interleave_, may_learn_ = false;
  int T_ = 0;
  const float* theta_ = nullptr;
  Rows<float> a_{}, dy_{}, head_transposed_{};  // dy: both directions' side by side, in time
  Rows<float> mask_{},
      kept_[2]{};  // of dropout: T rows of both directions in time; y times it, in the order s
  Ctc ctc_;
};

}  // namespace odyssey

#include "passes.h"
