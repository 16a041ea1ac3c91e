// What the passes of a Network are made of: network.h includes this.
#pragma once

#include "network.h"

namespace odyssey {

template <class V>
inline void Network<V>::prepare(const float* x, int T, int labels, const float* theta,
                                const Noise* training) {
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

template <class V>
inline void Network<V>::evaluate(const Presented* sequences, int count, const float* theta, double* losses) {
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
  void* room = nullptr;  // of one loss, which changes its activations
  const auto assign = [&](Pieces& pieces) {
    std::size_t most = 0;
    for (int k = 0; losses && k < count; ++k) {
      Pieces needed;
      assign_loss(needed, sequences[k]);
      most = std::max(most, needed.used());
    }
    room = pieces.take<char>(most);
  };
  evaluate_batch<V>(layout_, directions_, theta, arena_, sequences, count, assign);
  for (int k = 0; losses && k < count; ++k) {
    Pieces own(room);
    assign_loss(own, sequences[k]);
    for (int t = 0; t < T_; ++t) {
      std::copy_n(sequences[k].outputs + std::ptrdiff_t(t) * K, K, a_[t]);
      std::fill_n(a_[t] + K, padded - K, 0.0f);
    }
    losses[k] = loss(sequences[k].target, sequences[k].labels);
  }
}

template <class V>
inline void Network<V>::assign_loss(Pieces& pieces, const Presented& sequence) {
  T_ = sequence.T;
  a_ = pieces.take_rows<float>(T_, spread<float>(layout_.output_vectors * L));
  if (shape().loss == Loss::ctc) ctc_ = Ctc(pieces, T_, shape().outputs, sequence.labels);
}

template <class V>
inline void Network<V>::activate() {
  for (auto& direction : directions_) direction.begin_forward();
  sweep([&](int d, int s) { directions_[d].forward_step(s); });
  if (mask_.data)
    each_frame([&](int d, int s, const float* mask) {
      multiply(directions_[d].y[s + 1], mask, shape().hidden, kept_[d][s]);
    });
  each_half([&](int first, int end) { output_product(first, end); });
}

template <class V>
inline void Network<V>::output_product(int first, int end) {
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

template <class V>
inline double Network<V>::loss(const float* target, int labels) {
  switch (shape().loss) {
    case Loss::softmax: return softmax_loss(a_, T_, shape().outputs, target);
    case Loss::bernoulli: return bernoulli_loss(a_, T_, shape().outputs, target);
    case Loss::squared: return squared_loss(a_, T_, shape().outputs, target);
    case Loss::ctc: return ctc_.loss(a_, T_, target, labels);
    case Loss::outside: break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

template <class V>
inline void Network<V>::backward(const float* theta) {
  const int outputs = shape().outputs, hidden = shape().hidden;
  for (int d = 0; d < shape().directions; ++d) {
    const Rows<float> to = head_transposed_.from_column(d * side_columns());
    for (int k = 0; k < outputs; ++k) std::fill_n(to[k] + hidden, layout_.layer.padded() - hidden, 0.0f);
    each_panel([&](int start, int width) {
      const int last = std::min(outputs - start * L, width * L);
      transpose<float>({theta + layout_.panel_offset(d, start), width * L}, hidden, last, to.from(start * L));
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

// Gradient products whose tiles end in the update itself.
template <class V>
inline void Network<V>::descend(float* theta, float* state, const Rule& rule) {
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

}  // namespace odyssey
