// Several sequences side by side through one direction, without a way back: in every frame a small matrix
// product takes the place of each one's matrix-vector product, so that the recurrent weights are read
// once for all. Every sum adds the same products in the same order as in Direction, so it has the same bits.
//
// Rows are sequences, each at a frame of its own. A chunk is a few frames of all rows; frame 0 is the one
// before the chunk, whose outputs (and gates, with full gate recurrence) its first frame needs.
#pragma once

#include "layer.h"

namespace odyssey {

template <class V>
class Batch {
 public:
  static constexpr int L = kLanes<float>, Z = V::blocks, G = V::gates;
  // Two tiles of six rows, as `product` makes them for panels of AVX-512 and of AVX2.
  static constexpr int kRows = 12, kMostFrames = 16;

  Direction<float, V>* of = nullptr;  // which direction: its layout and theta

  // Frames of a chunk: so few that all its rows stay in L2.
  static int frames(const LayerLayout<float, V>& layout) {
    constexpr std::size_t bytes = 128 << 10;
    const std::size_t frame = kRows * (layout.columns() + layout.padded()) * sizeof(float);
    return int(std::clamp<std::size_t>(bytes / frame, 4, kMostFrames));
  }

  // Takes what a chunk of all rows needs.
  void assign(Pieces& pieces, const LayerLayout<float, V>& layout, std::ptrdiff_t act_stride) {
    const auto narrow = spread<float>(std::ptrdiff_t(layout.padded()));
    const int blocks = 1 + frames(layout);
    act_ = pieces.take_rows<float>(kRows * blocks, act_stride);
    y_ = pieces.take_rows<float>(kRows * blocks, narrow);
    c_ = pieces.take_rows<float>(kRows, narrow);
    h_ = pieces.take<float>(layout.padded());
    sums_ = pieces.take<float>(std::size_t(kRows) * kMostVectors * L);
    if (V::gate_recurrence) {
      gates_ = pieces.take_rows<float>(kRows, spread<float>(std::ptrdiff_t(G * layout.padded())));
      gate_sums_ = pieces.take<float>(std::size_t(kRows) * kMostVectors * L);
    }
  }

  // Where the outputs of a chunk's frame lie; the rows of a chunk's frames from 1 on follow each other.
  Rows<const float> outputs(int frame, int rows) const { return y_.from(first_row(frame, rows)); }

  // Puts a new sequence into a row and makes its first frame, whose outputs are then those of frame 0.
  //   x  its first frame, D floats
  void begin(int row, const float* x) {
    product_of_inputs({x, of->layout.inputs}, 1, row);
    std::fill_n(c_[row], of->layout.padded(), 0.0f);
    of->each_forward_panel(false, [&](auto units, auto shared, int start) {
      constexpr int vectors = units * Z + shared;
      const float* a = act_[row] + std::size_t(start) * Z * L;
      Vector<float> sum[1][vectors];
      clear<float>(sum);
#pragma GCC unroll 12
      for (int n = 0; n < vectors && !V::reset_gate; ++n) sum[0][n] += load(a + n * L);
      of->template forward_pointwise<units, shared>(row_of(row, row, c_[row]), start, sum[0]);
    });
  }

  // Frames 1 … `frames` of the rows 0 … `rows` − 1.
  //   x  the inputs, frame by frame and in each row by row
  void advance(Rows<const float> x, int frames, int rows);

  // After a chunk: its last frame becomes frame 0 of the next.
  void turn(int frames, int rows) {
    for (int r = 0; r < rows; ++r) copy_row(first_row(frames, rows) + r, r);
  }

  // Moves the sequence of a row, between two chunks.
  void move(int from, int to) {
    copy_row(from, to);
    std::copy_n(c_[from], of->layout.padded(), c_[to]);
  }

 private:
  static constexpr int kMostVectors = 12;  // of a panel, times its partial sums
  using Forward = typename Direction<float, V>::Forward;

  static int first_row(int frame, int rows) { return frame ? kRows + (frame - 1) * rows : 0; }
  // The pointwise part's rows: of act and y, of what a unit carries on, and of c, which it changes in place.
  Forward row_of(int at, int row, const float* before) const {
    return {1, act_[at], nullptr, before, c_[row], h_, nullptr, y_[at]};
  }

  void copy_row(int from, int to) {
    copy_vectors(y_[from], of->layout.padded(), y_[to]);
    if (V::gate_recurrence) std::copy_n(act_[from], of->layout.columns(), act_[to]);
  }

  void product_of_inputs(Rows<const float> x, int count, int to) {
    const auto& layout = of->layout;
    layout.each_panel([&](std::size_t column, int vectors) {
      product<float>({x.data, x.stride, 1},
                     {of->theta + layout.W + column * layout.inputs, std::ptrdiff_t(vectors) * L}, count,
                     vectors, layout.inputs,
                     Affine<float>{{{act_[to] + column, act_.stride}}, of->theta + layout.b + column});
    });
  }

  // `accumulate` for many rows: sums[row][k mod U][n] += x(row, k) · panel[k][n]. Sums of k mod U > 0 start
  // from zeros unless `more`.
  template <int U, int N>
  static void multiply(Rows<float> sums, Rows<const float> x, int rows, int count, const float* panel,
                       bool more = false) {
    constexpr int width = N * L, step = kStride<float, U, N>;
    const int whole = U == 1 ? count : count / step * step, rest = count - whole;
    for (int u = 0; u < U; ++u) {
      const Left<float> left{x.data + u, x.stride, U};
      const Rows<const float> right{panel + u * width, U * width};
      const int own = whole / U + (step == 2 && u == 0 ? rest : 0);
      const Store<float> to{{sums.data + u * width, sums.stride}};
      if (u && !more) product<float>(left, right, rows, N, own, to);
      else product<float>(left, right, rows, N, own, Add<float>{to});
    }
    if (step != 2 && rest)
      product<float>({x.data + whole, x.stride, 1}, {panel + whole * width, width}, rows, N, rest,
                     Add<float>{{{sums.data, sums.stride}}});
  }

  // What a panel's gates get from those of the frame before, into gate_sums_.
  template <int U>
  void multiply_gates(int before, int rows, int start) {
    constexpr int partial = partial_sums(U * G), width = partial * U * G * L;
    const auto& layout = of->layout;
    const int full = layout.full_units(), rest = layout.hidden - full * L;
    const Rows<float> sums{gate_sums_, width};
    const float* matrix = of->Q_panel(of->theta, start);
    for (int r = 0; r < rows; ++r) std::fill_n(sums[r], U * G * L, 0.0f);
    multiply<partial, U * G>(sums, gates_, rows, full * G * L, matrix);
    matrix += std::size_t(full) * G * L * U * G * L;
    for (int g = 1; rest && g < Z; ++g, matrix += std::size_t(rest) * U * G * L)
      multiply<partial, U * G>(sums, act_.from(before).from_column((full * Z + g) * L), rows, rest, matrix,
                               true);
  }

  template <int U, int N>
  void panel(int before, int now, int rows, int start) {
    constexpr int vectors = U * Z + N, partial = partial_sums(vectors);
    const Rows<float> sums{sums_, partial * vectors * L};
    if constexpr (V::gate_recurrence) multiply_gates<U>(before, rows, start);
    for (int r = 0; r < rows; ++r) {
      const float* a = act_[now + r] + std::size_t(start) * Z * L;
      Vector<float> sum[1][vectors];
      clear<float>(sum);
      if constexpr (V::gate_recurrence) {
        constexpr int gate_partial = partial_sums(U * G);
        Vector<float> gates[gate_partial][U * G];
        load_sums(gates, gate_sums_ + std::size_t(r) * gate_partial * U * G * L);
        fold<float>(gates);
#pragma GCC unroll 12
        for (int n = 0; n < U * G; ++n) sum[0][n / G * Z + 1 + n % G] = gates[0][n];
      }
#pragma GCC unroll 12
      for (int n = 0; n < vectors; ++n)
        store(sums[r] + n * L, V::reset_gate ? sum[0][n] : sum[0][n] + load(a + n * L));
    }
    multiply<partial, vectors>(sums, y_.from(before), rows, of->layout.hidden, of->R_panel(of->theta, start));
    for (int r = 0; r < rows; ++r) {
      Vector<float> sum[partial][vectors];
      load_sums(sum, sums[r]);
      fold<float>(sum);
      const float* carried = V::cell ? c_[r] : y_[before + r];
      of->template forward_pointwise<U, N>(row_of(now + r, r, carried), start, sum[0]);
    }
  }

  template <int U, int N>
  static inline __attribute__((always_inline)) void load_sums(Vector<float> (&sum)[U][N], const float* from) {
#pragma GCC unroll 16
    for (int u = 0; u < U; ++u)
#pragma GCC unroll 16
      for (int n = 0; n < N; ++n) sum[u][n] = load(from + (u * N + n) * L);
  }

  Rows<float> act_{}, y_{}, c_{}, gates_{};  // gates_: those of the frame before, without z between them
  float *h_ = nullptr, *sums_ = nullptr, *gate_sums_ = nullptr;
};

// Out of the class, so that batch.cc alone compiles it.
template <class V>
void Batch<V>::advance(Rows<const float> x, int frames, int rows) {
  product_of_inputs(x, frames * rows, kRows);
  for (int frame = 1; frame <= frames; ++frame) {
    const int before = first_row(frame - 1, rows), now = first_row(frame, rows);
    for (int r = 0; V::gate_recurrence && r < rows; ++r)
      for (int unit = 0; unit < of->layout.full_units(); ++unit)
        std::copy_n(act_[before + r] + (unit * Z + 1) * L, G * L, gates_[r] + unit * G * L);
    of->each_forward_panel(frame & 1, [&](auto units, auto shared, int start) {
      this->template panel<units, shared>(before, now, rows, start);
    });
  }
}

}  // namespace odyssey
