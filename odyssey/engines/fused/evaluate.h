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

// What Network::evaluate does for each of some sequences, but its loss.
//   layout       a NetworkLayout
//   directions   whose theta is set
//   assign(pieces)  takes what the caller needs besides
//   keep(k, t, a)  is called once for every sequence k and frame t with the activations of all padded outputs
template <class V, class Layout, class Directions, class Assign, class Keep>
void evaluate_batch(const Layout& layout, Directions& directions, const float* theta, Arena& arena,
                    const Presented* sequences, int count, Assign assign, Keep keep) {
  constexpr int L = kLanes<float>, rows = Batch<V>::kRows, kFew = 8;
  const int frames = Batch<V>::frames(layout.layer);
  const int inputs = layout.shape.inputs, hidden = layout.shape.hidden, sides = layout.shape.directions;
  const auto narrow = spread<float>(std::ptrdiff_t(layout.layer.padded()));
  Batch<V> batch;
  Rows<float> x{}, a{}, forward{};
  std::vector<Rows<float>> kept(count);  // the first direction's outputs of each sequence, in time
  arena.plan([&](Pieces& pieces) {
    batch.assign(pieces, layout.layer, directions[0].act_stride());
    x = pieces.take_rows<float>(rows * frames, inputs);
    a = pieces.take_rows<float>(rows * frames, spread<float>(layout.output_vectors * L));
    assign(pieces);
    if (sides == 1) return;
    forward = pieces.take_rows<float>(rows * frames, narrow);
    for (int k = 0; k < count; ++k) kept[k] = pieces.take_rows<float>(sequences[k].T, narrow);
  });

  struct Frame {
    int sequence, time;
  };
  std::array<Frame, rows * Batch<V>::kMostFrames> chunk;
  const auto activate = [&](Rows<const float> y, int many) {
    const auto from = [&](int side, Rows<const float> in, auto target) {
      const Split split = layout.panels();
      for (int part = 0; part < split.parts; ++part) {
        const int start = split.start(part), width = split.width(part);
        const Rows<const float> head{theta + layout.panel_offset(side, start), width * L};
        product<float>({in.data, in.stride, 1}, head, many, width, hidden, target(start * L));
      }
    };
    if (sides == 2)
      for (int n = 0; n < many; ++n)
        copy_vectors(kept[chunk[n].sequence][chunk[n].time], layout.layer.padded(), forward[n]);
    from(0, sides == 2 ? Rows<const float>(forward) : y, [&](int column) {
      return Affine<float>{{a.from_column(column)}, theta + layout.head_bias + column};
    });
    if (sides == 2) from(1, y, [&](int column) { return Add<float>{{a.from_column(column)}}; });
    for (int n = 0; n < many; ++n) keep(chunk[n].sequence, chunk[n].time, a[n]);
  };

  const Schedule schedule(sequences, count);
  for (int d = 0; d < sides; ++d) {
    batch.of = &directions[d];
    const auto time = [&](int k, int frame) { return d ? sequences[k].T - 1 - frame : frame; };
    const auto done = [&](Rows<const float> y, int many) {
      if (d + 1 == sides) return activate(y, many);
      for (int n = 0; n < many; ++n)
        copy_vectors(y[n], layout.layer.padded(), kept[chunk[n].sequence][chunk[n].time]);
    };
    schedule.run(
        rows, frames,
        [&](int row, int k) {
          chunk[0] = {k, time(k, 0)};
          batch.begin(row, sequences[k].x + std::ptrdiff_t(chunk[0].time) * inputs);
          done(batch.outputs(0, 0).from(row), 1);
        },
        [&](const Schedule::Place* places, int side_by_side, int many) {
          for (int f = 0, n = 0; f < many; ++f)
            for (int row = 0; row < side_by_side; ++row, ++n) {
              const int k = places[row].sequence, t = time(k, places[row].frame + f);
              chunk[n] = {k, t};
              const float* from = sequences[k].x + std::ptrdiff_t(t) * inputs;
              if (inputs > kFew) std::copy_n(from, inputs, x[n]);
              else
                for (int i = 0; i < inputs; ++i) x[n][i] = from[i];  // a call of memcpy costs more
            }
          batch.advance(x, many, side_by_side);
          done(batch.outputs(1, side_by_side), many * side_by_side);
          batch.turn(many, side_by_side);
        },
        [&](int from, int to) { batch.move(from, to); });
  }
}

}  // namespace odyssey
