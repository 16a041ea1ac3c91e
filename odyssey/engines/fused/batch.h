// Several sequences side by side through one direction, without a way back: in every frame a small matrix
// product takes the place of each one's matrix-vector product, so that the weights are read once for all.
// Every sum adds the same products in the same order as in Direction, so it has the same bits.
//
// Rows are sequences, each at a frame of its own. A chunk is a few frames of all rows; frame 0 is the one
// before the chunk. A frame of all rows is a dense matrix, rows × H, without padding: the pointwise part
// fills every vector but the last, whatever H is.
#pragma once

#include <array>

#include "layer.h"
#include "sums.h"

namespace odyssey {

template <class V>
class Batch {
 public:
  static constexpr int L = kLanes<float>, Z = V::blocks, G = V::gates, P = V::vectors;
  static constexpr int kRows = PanelSums::kRows, kMostFrames = 16;
  static constexpr int kTogether = 4;  // vectors that the pointwise part takes side by side

  // Frames of a chunk: so few that its outputs stay in L2.
  static int frames(const LayerLayout<float, V>& layout) {
    constexpr std::size_t bytes = 128 << 10;
    return int(std::clamp<std::size_t>(bytes / (kRows * layout.hidden * sizeof(float)), 4, kMostFrames));
  }

  // Takes what a chunk of all rows needs.
  void assign(Pieces& pieces, const LayerLayout<float, V>& layout) {
    const std::size_t frame = std::size_t(kRows) * layout.hidden;
    const auto take = [&](Blocks& blocks) {
      for (float*& block : blocks.of) block = pieces.take<float>(frame + L);
      blocks.shared = pieces.take<float>(kRows * kShared);
    };
    take(sums_);
    if (V::reset_gate) take(inputs_);
    x_ = pieces.take<float>(std::size_t(kRows) * layout.inputs);
    y_ = pieces.take<float>(frame * (1 + frames(layout)) + L);
    c_ = pieces.take<float>(frame + L);
    begun_ = pieces.take<float>(layout.hidden + L);
    p_ = pieces.take<float>(P * (frame + L));
    scratch_ = pieces.take<float>(PanelSums::kScratch);
    if (!V::gate_recurrence) return;
    gates_ = pieces.take<float>(G * frame);
    gate_sums_ = pieces.take<float>(kRows * PanelSums::kMostVectors * L);
  }

  // From now on rows go through that direction, whose layout is that of assign(); its theta must be set.
  void use(const Direction<float, V>& direction) {
    of_ = &direction;
    const std::ptrdiff_t H = hidden(), floats = kRows * H + L;
    for (float* block : sums_.of) std::fill_n(block, floats, 0.0f);  // what nobody looks at is a number, too
    std::fill_n(c_, floats, 0.0f);
    if (V::gate_recurrence) std::fill_n(gate_sums_, kRows * PanelSums::kMostVectors * L, 0.0f);
    const float* p = direction.theta + direction.layout.p;
    for (std::ptrdiff_t n = 0, j = 0; P && n + L <= floats; n += L)
      for (int lane = 0; lane < L; ++lane, j = j + 1 < H ? j + 1 : 0)
        for (int g = 0; g < P; ++g) p_[n * P + g * L + lane] = p[(j / L * P + g) * L + j % L];
  }

  // The outputs of a chunk's frames from 1 on: frame by frame and in each row by row.
  Rows<const float> outputs() const { return {frame(1, 0), hidden()}; }
  // Those of frame 0.
  Rows<const float> outputs_before() const { return {frame(0, 0), hidden()}; }

  // Puts a new sequence into a row and makes its first frame, whose outputs are then those of frame 0.
  //   x  its first frame, D floats
  void begin(int row, const float* x);

  // Frames 1 … `frames` of the rows 0 … `rows` − 1.
  //   x     each row's inputs of frame 1; those of the next frame are `step` floats further
  void advance(const std::array<const float*, kRows>& x, std::ptrdiff_t step, int frames, int rows);

  // After a chunk: its last frame becomes frame 0 of the next.
  void turn(int frames, int rows) { std::copy_n(frame(frames, rows), rows * hidden(), frame(0, rows)); }

  // Moves the sequence of a row, between two chunks.
  void move(int from, int to) {
    const auto copy = [&](float* rows, std::ptrdiff_t width) {
      std::copy_n(rows + from * width, width, rows + to * width);
    };
    copy(frame(0, 0), hidden());
    copy(c_, hidden());
    if (V::gate_recurrence) copy(gates_, G * hidden());
  }

 private:
  using Panel = typename LayerLayout<float, V>::Panel;
  static constexpr int kShared = (Z + 1) * L;  // floats of a row's shared vectors and of one behind them

  // A number for each row and unit in each block; shared vectors until they are taken apart.
  struct Blocks {
    float *of[Z], *shared;
  };

  std::ptrdiff_t hidden() const { return of_->layout.hidden; }
  float* frame(int number, int rows) const {
    return y_ + (number ? kRows + (number - 1) * rows : 0) * hidden();
  }

  // Where a vector of a panel goes.
  Place place(const Blocks& blocks, const Panel& panel, int vector) const {
    const int shared = vector - panel.whole * Z;
    if (shared >= 0) return {blocks.shared + shared * L, kShared, L};
    const int unit = panel.start + vector / Z;
    return {blocks.of[vector % Z] + unit * L, hidden(), of_->layout.lanes(unit)};
  }

  // The shared vectors to their blocks.
  void take_apart(const Blocks& blocks, int rows) const {
    const int rest = of_->layout.rest, first = of_->layout.whole * L;
    for (int g = 0; g < Z; ++g)
      for (int r = 0; r < rows; ++r)
        store_first(blocks.of[g] + r * hidden() + first, load(blocks.shared + r * kShared + g * rest), rest);
  }

  // What reaches a panel's units.
  //   x  the rows' inputs
  //   y  the outputs of the frame before, null if there was none
  void add_panel(const Panel& panel, const float* x, const float* y, int rows) const {
    const auto& layout = of_->layout;
    const float* theta = of_->theta;
    const std::size_t column = std::size_t(panel.start) * Z * L;
    PanelSums all{rows, panel.whole * Z + panel.shared};
    all.bias = theta + layout.b + column;
    all.x = {x, layout.inputs};
    all.inputs = layout.inputs;
    all.W = theta + layout.W + column * layout.inputs;
    if (V::gate_recurrence && y) {
      add_gates(panel, rows);
      all.besides = gate_sums_;
    }
    const auto to = [&](const Blocks& blocks) {
      return [&](int vector) { return place(blocks, panel, vector); };
    };
    if (V::reset_gate) {  // whose sums are those of R y alone
      panel_sums(all, 1, scratch_, to(inputs_));
      if (!y) return;
      all = {rows, all.vectors};
    }
    all.y = {y, hidden()};
    all.R = of_->R_panel(theta, panel.start);
    all.count = layout.hidden;
    panel_sums(all, partial_sums(all.vectors), scratch_, to(sums_));
  }

  // What a panel's gates get from those of the frame before.
  void add_gates(const Panel& panel, int rows) const {
    const auto& layout = of_->layout;
    const int full = layout.full_units();
    PanelSums all{rows, panel.whole * G};
    all.y = {gates_, G * hidden()};
    all.R = of_->Q_panel(of_->theta, panel.start);
    all.count = full * G * L;
    all.run = layout.hidden - full * L;
    all.runs = all.run ? G : 0;
    panel_sums(all, partial_sums(all.vectors), scratch_, [&](int vector) {
      return Place{gate_sums_ + (vector / G * Z + 1 + vector % G) * L, PanelSums::kMostVectors * L, L};
    });
  }

  // The gates of a row, as Q's rows follow each other.
  void keep_gates(int from, int to) const {
    const int full = of_->layout.full_units(), rest = int(hidden()) - full * L;
    const std::ptrdiff_t at = from * hidden();
    float* gates = gates_ + to * G * hidden();
    for (int unit = 0; unit < full; ++unit)
      for (int g = 1; g < Z; ++g, gates += L) copy_vectors(sums_.of[g] + at + unit * L, L, gates);
    for (int g = 1; g < Z; ++g, gates += rest) std::copy_n(sums_.of[g] + at + full * L, rest, gates);
  }

  // The pointwise part of a frame; with full gate recurrence the gates take the place of their sums.
  //   before  what units carry on: c, which may be changed in place, or the outputs of the frame before
  void pointwise(int rows, const float* before, float* c, float* y) const {
    if (of_->layout.rest) {
      take_apart(sums_, rows);
      if (V::reset_gate) take_apart(inputs_, rows);
    }
    const std::ptrdiff_t count = rows * hidden();
    std::ptrdiff_t n = 0;
    for (; n + (kTogether - 1) * L < count; n += kTogether * L) vectors<kTogether>(n, before, c, y);
    for (; n < count; n += L) vectors<1>(n, before, c, y);
  }

  // N vectors of it.
  template <int N>
  void vectors(std::ptrdiff_t first, const float* before, float* c, float* y) const {
    typename Units<float, V>::Forward found[N];
#pragma GCC unroll 4
    for (int k = 0; k < N; ++k) {
      const std::ptrdiff_t n = first + k * L;
      Vector<float> sums[Z + 1];
#pragma GCC unroll 4
      for (int g = 0; g < Z; ++g) {
        sums[g] = load(sums_.of[g] + n);
        if constexpr (V::reset_gate) {
          sums[Z] = load(inputs_.of[g] + n);
          if (g + 1 < Z) sums[g] += sums[Z];
        }
      }
      found[k] = Units<float, V>::begin(sums, p_ + n * P, load(before + n));
    }
#pragma GCC unroll 4
    for (int k = 0; k < N; ++k) {
      const std::ptrdiff_t n = first + k * L;
      Units<float, V>::finish(found[k], p_ + n * P, load(before + n));
      if constexpr (V::cell) store(c + n, found[k].c);
      store(y + n, found[k].y);
      if constexpr (V::gate_recurrence)
#pragma GCC unroll 4
        for (int g = 1; g < Z; ++g) store(sums_.of[g] + n, found[k].value[g]);
    }
  }

  const Direction<float, V>* of_ = nullptr;
  Blocks sums_{}, inputs_{};  // inputs_: their share, where it stands apart
  float *x_ = nullptr, *y_ = nullptr, *c_ = nullptr, *begun_ = nullptr, *p_ = nullptr, *scratch_ = nullptr;
  float *gates_ = nullptr, *gate_sums_ = nullptr;
};

// Out of the class, so that batch.cc alone compiles them.
template <class V>
void Batch<V>::begin(int row, const float* x) {
  const std::ptrdiff_t H = hidden();
  float* y = frame(1, 0);
  if (V::reset_gate) {  // whose sums are those of R y alone
    for (float* block : sums_.of) std::fill_n(block, H, 0.0f);
    std::fill_n(sums_.shared, kShared, 0.0f);
  }
  std::fill_n(begun_, H, 0.0f);
  for (int k = 0; k < of_->layout.panel_count(); ++k) add_panel(of_->layout.panel(k), x, nullptr, 1);
  pointwise(1, begun_, begun_, y);
  std::copy_n(y, H, frame(0, 0) + row * H);
  if (V::cell) std::copy_n(begun_, H, c_ + row * H);
  if (V::gate_recurrence) keep_gates(0, row);
}

template <class V>
void Batch<V>::advance(const std::array<const float*, kRows>& x, std::ptrdiff_t step, int frames, int rows) {
  constexpr int few = 8;
  const int inputs = of_->layout.inputs;
  for (int number = 1; number <= frames; ++number) {
    const float* before = frame(number - 1, rows);
    for (int row = 0; row < rows; ++row) {
      const float* from = x[row] + (number - 1) * step;
      float* to = x_ + row * inputs;
      if (inputs > few) std::copy_n(from, inputs, to);
      else
        for (int i = 0; i < inputs; ++i) to[i] = from[i];  // a call of memcpy costs more
    }
    walk(number & 1, of_->layout.panel_count(),
         [&](std::ptrdiff_t k) { add_panel(of_->layout.panel(int(k)), x_, before, rows); });
    pointwise(rows, V::cell ? c_ : before, c_, frame(number, rows));
    for (int row = 0; V::gate_recurrence && row < rows; ++row) keep_gates(row, row);
  }
}

}  // namespace odyssey
