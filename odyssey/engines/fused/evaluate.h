// Evaluation of a run of sequences, some side by side in a Batch: as soon as one ends, the next takes its
// row. The figures have the bits of one sequence at a time.
#pragma once

#include <array>
#include <numeric>
#include <vector>

#include "batch.h"
#include "memory.h"

namespace odyssey {

// A sequence to evaluate; what the pointers are stands at Network.
struct Presented {
  const float* x;
  int T;
  const float* target;
  int labels;
  float* outputs;
};

// Hands out rows to sequences, the longest first, so that all rows end at nearly the same time.
class Schedule {
 public:
  struct Place {
    int sequence, frame;  // frames that are done
  };

  Schedule(const Presented* sequences, int count) : sequences_(sequences), order_(count) {
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](int a, int b) { return sequences[a].T > sequences[b].T; });
  }

  // Calls begin(row, sequence) for a sequence's first frame, advance(places, rows, frames) for the next frames
  // of some rows, and move(from, to) for rows that go on elsewhere, until all sequences have ended.
  template <class Begin, class Advance, class Move>
  void run(int most_rows, int most_frames, Begin begin, Advance advance, Move move) const {
    std::vector<Place> places;
    std::size_t next = 0;
    const auto left = [&](const Place& at) { return sequences_[at.sequence].T - at.frame; };
    // The next sequence that goes on after its first frame, if there is one.
    const auto start = [&](int row, Place& at) {
      while (next < order_.size()) {
        at = {order_[next++], 1};
        begin(row, at.sequence);
        if (left(at)) return true;
      }
      return false;
    };
    for (Place at{}; int(places.size()) < most_rows && start(int(places.size()), at);) places.push_back(at);
    while (!places.empty()) {
      int frames = most_frames;
      for (const Place& at : places) frames = std::min(frames, left(at));
      advance(places.data(), int(places.size()), frames);
      for (Place& at : places) at.frame += frames;
      for (int row = int(places.size()) - 1; row >= 0; --row) {
        if (left(places[row]) || start(row, places[row])) continue;
        const int last = int(places.size()) - 1;
        if (row < last) {
          move(last, row);
          places[row] = places[last];
        }
        places.pop_back();
      }
    }
  }

 private:
  const Presented* sequences_;
  std::vector<int> order_;
};

// A direction's share of the activations of some frames, which may lie anywhere.
struct Activations {
  static constexpr int L = kLanes<float>;
  Rows<const float> y;
  int hidden, outputs;
  float* const* to;   // a frame's K activations: nothing beyond is touched
  const float* bias;  // what they start from, padded; null: what they are

  // N vectors of `frames` frames from `column` on; head: the rows of these columns alone.
  template <int N>
  void make(int frames, int column, const float* head) const {
    each_tile<N>(frames, [&](auto height, int i) {
      if (column + N * L <= outputs) tile<height, N, true>(i, column, head);
      else tile<height, N, false>(i, column, head);
    });
  }

 private:
  template <int R, int N, bool whole>
  void tile(int i, int column, const float* head) const {
    Vector<float> sum[R][N];
    float* const* now = to + i;
    if (bias)
      each_vector<R, N>([&](int r, int n)
                            __attribute__((always_inline)) { sum[r][n] = load(bias + column + n * L); });
    else
      each_vector<R, N>([&](int r, int n) __attribute__((always_inline)) {
        const float* from = now[r] + column + n * L;
        sum[r][n] = whole ? load(from) : load_first(from, lanes(column, n));
      });
    add_products<R, N>(sum, y.from(i), 1, head, N * L, hidden);
    each_vector<R, N>([&](int r, int n) __attribute__((always_inline)) {
      float* at = now[r] + column + n * L;
      if (whole) store(at, sum[r][n]);
      else store_first(at, sum[r][n], lanes(column, n));
    });
  }
  int lanes(int column, int n) const { return std::clamp(outputs - column - n * L, 0, L); }
};

// What Network::evaluate does for each of some sequences, but its loss: the first direction makes its share
// of the activations, the second one adds its own.
//   layout       a NetworkLayout
//   directions   whose theta is set
//   assign(pieces)  takes what the caller needs besides
template <class V, class Layout, class Directions, class Assign>
void evaluate_batch(const Layout& layout, Directions& directions, const float* theta, Arena& arena,
                    const Presented* sequences, int count, Assign assign) {
  constexpr int L = kLanes<float>, rows = Batch<V>::kRows;
  const int frames = Batch<V>::frames(layout.layer);
  const int inputs = layout.shape.inputs, outputs = layout.shape.outputs;
  Batch<V> batch;
  arena.plan([&](Pieces& pieces) {
    batch.assign(pieces, layout.layer);
    assign(pieces);
  });
  const Schedule schedule(sequences, count);
  std::array<float*, rows * Batch<V>::kMostFrames> to;
  for (int d = 0; d < layout.shape.directions; ++d) {
    batch.use(directions[d]);
    const auto time = [&](int k, int frame) { return d ? sequences[k].T - 1 - frame : frame; };
    const auto x = [&](int k, int frame) { return sequences[k].x + std::ptrdiff_t(time(k, frame)) * inputs; };
    const auto a = [&](int k, int frame) {
      return sequences[k].outputs + std::ptrdiff_t(time(k, frame)) * outputs;
    };
    const auto activate = [&](Rows<const float> y, int many) {
      const float* bias = d ? nullptr : theta + layout.head_bias;
      const Activations share{y, layout.shape.hidden, outputs, to.data(), bias};
      const Split split = layout.panels();
      for (int part = 0; part < split.parts; ++part) {
        const int start = split.start(part);
        with_constant<Layout::kPanel>(split.width(part), [&](auto width) {
          share.make<width>(many, start * L, theta + layout.panel_offset(d, start));
        });
      }
    };
    schedule.run(
        rows, frames,
        [&](int row, int k) {
          batch.begin(row, x(k, 0));
          to[0] = a(k, 0);
          activate(batch.outputs_before().from(row), 1);
        },
        [&](const Schedule::Place* places, int side_by_side, int many) {
          std::array<const float*, rows> from;
          for (int row = 0; row < side_by_side; ++row) {
            const auto [k, frame] = places[row];
            from[row] = x(k, frame);
            for (int f = 0; f < many; ++f) to[f * side_by_side + row] = a(k, frame + f);
          }
          batch.advance(from, d ? -inputs : inputs, many, side_by_side);
          activate(batch.outputs(), many * side_by_side);
          batch.turn(many, side_by_side);
        },
        [&](int from, int to) { batch.move(from, to); });
  }
}

}  // namespace odyssey
