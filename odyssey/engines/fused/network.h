// The whole network of NetworkSpec on one flat array of parameters, and one training step of it.
#pragma once

#include <vector>

#include "ctc.h"
#include "evaluate.h"
#include "gradients.h"
#include "helper.h"
#include "loss.h"
#include "noise.h"
#include "update.h"

namespace odyssey {

// The losses that are computed here, and those that the caller computes from the activations.
enum class Loss { softmax = 0, ctc = 1, bernoulli = 2, squared = 3, outside = 4 };
// Whether a target is K numbers a frame.
constexpr bool has_vectors(Loss loss) { return loss == Loss::bernoulli || loss == Loss::squared; }
constexpr const char* kLossNames = "softmax ctc bernoulli squared outside";

struct NetworkShape {
  int inputs, hidden, outputs, directions;
  Loss loss;
};

template <class V>
struct NetworkLayout {
  static constexpr int L = kLanes<float>, kPanel = 2;
  NetworkShape shape;
  LayerLayout<float, V> layer;
  int output_vectors;
  std::size_t head, head_bias, size;  // offsets into the flat array; the directions come first

  explicit NetworkLayout(const NetworkShape& shape)
      : shape(shape), layer(shape.inputs, shape.hidden), output_vectors((shape.outputs + L - 1) / L) {
    head = shape.directions * layer.size;
    head_bias = head + std::size_t(shape.directions) * shape.hidden * output_vectors * L;
    size = head_bias + std::size_t(output_vectors) * L;
  }
  Split panels() const { return Split(output_vectors, kPanel); }
  // The rows of one direction's output weights in one panel of output columns.
  std::size_t panel_offset(int direction, int start) const {
    return head + (std::size_t(direction) * output_vectors + start) * L * shape.hidden;
  }

  // Calls f(array, place in it, place here) for every parameter: kLayerArrays · direction + that of the
  // layer, then output.W and output.b.
  template <class F>
  void each(F f) const {
    const int D = shape.directions, H = shape.hidden;
    for (int d = 0; d < D; ++d)
      layer.each([&](int array, std::size_t from, std::size_t to) {
        f(kLayerArrays * d + array, from, d * layer.size + to);
      });
    const Split split = panels();
    for (int part = 0; part < split.parts; ++part) {
      const int start = split.start(part) * L, width = split.width(part) * L;
      for (int k = start; k < std::min(start + width, shape.outputs); ++k) {
        for (int d = 0; d < D; ++d)
          for (int j = 0; j < H; ++j)
            f(kLayerArrays * D, (std::size_t(k) * D + d) * H + j,
              panel_offset(d, start / L) + std::size_t(j) * width + k - start);
        f(kLayerArrays * D + 1, k, head_bias + k);
      }
    }
  }
};

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
  void prepare(const float* x, int T, int labels, const float* theta, const Noise* training) {
    T_ = T;
    theta_ = theta;
    may_learn_ = false;
    const std::size_t padded = layout_.layer.padded(), entries = std::size_t(T) * shape().inputs;
    const std::ptrdiff_t width = shape().directions * shape().hidden;
    const bool drops = training && training->dropout > 0;
    float* noisy = nullptr;
    arena_.plan([&](Pieces& pieces) {
      for (auto& direction : directions_) {
        direction.assign_forward(pieces, T, training);
        if (training) direction.assign_backward(pieces, true);
      }
      a_ = pieces.take_rows<float>(T, spread<float>(layout_.output_vectors * L));
      if (shape().loss == Loss::ctc) ctc_ = Ctc(pieces, T, shape().outputs, labels);
      if (!training) return;
      dy_ = pieces.take_rows<float>(T, spread<float>(shape().directions * padded));
      head_transposed_ = pieces.take_rows<float>(shape().outputs, dy_.stride);
      noisy = pieces.take<float>(entries + kNoiseRoom);
      if (!drops) return;
      mask_ = {pieces.take<float>(std::size_t(T) * width + kNoiseRoom), width};
      for (int d = 0; d < shape().directions; ++d)
        kept_[d] = pieces.take_rows<float>(T, spread<float>(shape().hidden));
    });
    mask_.data = drops ? mask_.data : nullptr;
    if (drops) draw_mask(*training, std::size_t(T) * width, mask_.data);
    if (training && training->std != 0) {
      add_noise(*training, x, entries, noisy);
      x = noisy;
    }
    for (int d = 0; d < shape().directions; ++d) {
      directions_[d].theta = theta + d * layout_.layer.size;
      directions_[d].x = in_order<const float>(d, {x, shape().inputs});
    }
  }

  void evaluate(const Presented* sequences, int count, const float* theta, double* losses) {
    if (count == 1) {
      const Presented& now = *sequences;
      prepare(now.x, now.T, now.labels, theta, nullptr);
      activate();
      copy_activations(now.outputs);
      if (losses) *losses = loss(now.target, now.labels);
      return;
    }
    may_learn_ = false;
    for (int d = 0; d < shape().directions; ++d) directions_[d].theta = theta + d * layout_.layer.size;
    const int K = shape().outputs, padded = layout_.output_vectors * L;
    std::vector<Rows<float>> activations(losses ? count : 0);  // padded, as losses need them
    void* room = nullptr;
    const auto assign = [&](Pieces& pieces) {
      std::size_t most = 0;
      for (int k = 0; losses && k < count; ++k) {
        activations[k] = pieces.take_rows<float>(sequences[k].T, spread<float>(padded));
        Pieces nothing;
        if (shape().loss == Loss::ctc) Ctc(nothing, sequences[k].T, K, sequences[k].labels);
        most = std::max(most, nothing.used());
      }
      room = pieces.take<char>(most);
    };
    evaluate_batch<V>(layout_, directions_, theta, arena_, sequences, count, assign,
                      [&](int k, int t, const float* a) {
                        std::copy_n(a, K, sequences[k].outputs + std::ptrdiff_t(t) * K);
                        if (losses) std::copy_n(a, padded, activations[k][t]);
                      });
    for (int k = 0; losses && k < count; ++k) {
      Pieces own(room);
      T_ = sequences[k].T;
      a_ = activations[k];
      if (shape().loss == Loss::ctc) ctc_ = Ctc(own, T_, K, sequences[k].labels);
      losses[k] = loss(sequences[k].target, sequences[k].labels);
    }
  }

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

  void activate() {
    for (auto& direction : directions_) direction.begin_forward();
    sweep([&](int d, int s) { directions_[d].forward_step(s); });
    if (mask_.data)
      each_frame([&](int d, int s, const float* mask) {
        multiply(directions_[d].y[s + 1], mask, shape().hidden, kept_[d][s]);
      });
    each_half([&](int first, int end) { output_product(first, end); });
  }

  // The activations of some frames.
  void output_product(int first, int end) {
    each_panel([&](int start, int width) {
      for (int d = 0; d < shape().directions; ++d) {
        const int from = d ? T_ - end : first;  // in the direction's order
        const Rows<float> y = seen(d);
        const Left<float> left{y[from], y.stride, 1};
        const Rows<const float> head{theta_ + layout_.panel_offset(d, start), width * L};
        const Store<float> out{in_order(d, a_.from_column(start * L)).from(from)};
        if (d == 0)
          product<float>(left, head, end - first, width, shape().hidden,
                         Affine<float>{out, theta_ + layout_.head_bias + start * L});
        else product<float>(left, head, end - first, width, shape().hidden, Add<float>{out});
      }
    });
  }

  double loss(const float* target, int labels) {
    switch (shape().loss) {
      case Loss::softmax: return softmax_loss(a_, T_, shape().outputs, target);
      case Loss::bernoulli: return bernoulli_loss(a_, T_, shape().outputs, target);
      case Loss::squared: return squared_loss(a_, T_, shape().outputs, target);
      case Loss::ctc: return ctc_.loss(a_, T_, target, labels);
      case Loss::outside: break;
    }
    return std::numeric_limits<double>::quiet_NaN();
  }

  void backward(const float* theta) {
    const int outputs = shape().outputs, hidden = shape().hidden;
    for (int d = 0; d < shape().directions; ++d) {
      const Rows<float> to = head_transposed_.from_column(d * side_columns());
      for (int k = 0; k < outputs; ++k) std::fill_n(to[k] + hidden, layout_.layer.padded() - hidden, 0.0f);
      each_panel([&](int start, int width) {
        const int last = std::min(outputs - start * L, width * L);
        transpose<float>({theta + layout_.panel_offset(d, start), width * L}, hidden, last,
                         to.from(start * L));
      });
    }
    const int columns = shape().directions * side_columns();
    each_half([&](int first, int end) {
      product<float>({a_[first], a_.stride, 1}, head_transposed_, end - first, (columns + L - 1) / L, outputs,
                     Store<float>{dy_.from(first)});
    });
    if (mask_.data)
      each_frame([&](int d, int s, const float* mask) {
        float* dy = in_order(d, dy_.from_column(d * side_columns()))[s];
        multiply(dy, mask, hidden, dy);
      });
    if (helper_) return;  // each thread goes on by itself, in descend()
    for (auto& direction : directions_) direction.begin_backward();
    sweep([&](int d, int s) { backward_step(d, s); });
  }

  void backward_step(int d, int s) {
    const Rows<float> dy = dy_.from_column(d * side_columns());
    directions_[d].backward_step(T_ - 1 - s, in_order(d, dy));
  }

  // Gradient products whose tiles end in the update itself.
  void descend(float* theta, float* state, const Rule& rule) {
    const auto target = [&](std::size_t offset, std::ptrdiff_t stride) {
      return Update<float>{
          {theta + offset, stride}, {state + offset, stride}, std::ptrdiff_t(layout_.size), rule};
    };
    each_direction([&](int d) {
      if (helper_) {
        directions_[d].begin_backward();
        for (int s = 0; s < T_; ++s) backward_step(d, s);
      }
      parameter_gradients(directions_[d], [&](std::size_t offset, std::ptrdiff_t stride) {
        return target(d * layout_.layer.size + offset, stride);
      });
      each_panel([&](int start, int width) {
        const Rows<float> y = seen(d), a = in_order(d, a_);
        product<float>({y.data, 1, y.stride}, a.from_column(start * L), shape().hidden, width, T_,
                       target(layout_.panel_offset(d, start), width * L));
      });
    });
    column_sums<float>(a_, T_, layout_.output_vectors, target(layout_.head_bias, 0));
  }

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
