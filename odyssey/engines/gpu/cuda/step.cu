// The kernels of one training step, in the order of their launches: grid (parts of a row, rows),
// kThreads a block. `order` is not read: it tells a framework's scheduler that they are a sequence.
#include "ctc.cuh"
#include "noise.cuh"
#include "product.cuh"
#include "recurrent.cuh"

namespace odyssey {

#ifdef __CUDACC__
extern __shared__ float4 dynamic_shared[];  // ODYSSEY_SHARED bytes for the recurrent kernels
#endif

constexpr int kSquare = 32;

// to[column][row] = from[row][column], in squares, so that both sides are read and written in runs.
__device__ inline void transpose(float (*square)[kSquare + 1], const float* from, float* to, int rows,
                                 int columns, int first, int stride) {
  const int across = ceil_div(columns, kSquare), x = threadIdx.x % kSquare;
  for (int tile = first; tile < across * ceil_div(rows, kSquare); tile += stride) {
    const int r0 = tile / across * kSquare, c0 = tile % across * kSquare;
    __syncthreads();
    for (int y = threadIdx.x / kSquare; y < kSquare; y += kThreads / kSquare)
      if (r0 + y < rows && c0 + x < columns) square[y][x] = from[(r0 + y) * columns + c0 + x];
    __syncthreads();
    for (int y = threadIdx.x / kSquare; y < kSquare; y += kThreads / kSquare)
      if (c0 + y < columns && r0 + x < rows) to[(c0 + y) * rows + r0 + x] = square[x][y];
  }
}

}  // namespace odyssey

using namespace odyssey;

#define ODYSSEY_KERNEL(name)                                \
  extern "C" __global__ void __launch_bounds__(kThreads, 1) \
      name(const long long* table, int first, int inputs, int outputs, int directions, int* order)
// A copy, so that its fields are not read again after every store.
#define ODYSSEY_ROW                                                        \
  const Row row = reinterpret_cast<const Row*>(table)[first + blockIdx.y]; \
  const Layout at(row, {inputs, outputs, directions})

// Noise on the inputs; R and Q transposed.
ODYSSEY_KERNEL(odyssey_prepare) {
  __shared__ float square[kSquare][kSquare + 1];
  ODYSSEY_ROW;
  const int part = blockIdx.x, parts = gridDim.x, thread = part * kThreads + int(threadIdx.x);
  if (row.noisy != row.x) add_noise(row, row.T * at.D, thread, parts * kThreads);
  for (int d = 0; d < directions; ++d) {
    const float* theta = row.theta + d * at.side();
    float *R = row.transposed + d * at.transposed(), *Q = R + Z * at.H * at.H;
    transpose(square, theta + at.R(), R, Z * at.H, at.H, part, parts);
    if (V::gate_recurrence) transpose(square, theta + at.Q(), Q, G * at.H, G * at.H, part, parts);
  }
}

// gates = x W' + b for all steps of a direction.
ODYSSEY_KERNEL(odyssey_input) {
  __shared__ Tiles shared;
  ODYSSEY_ROW;
  const int width = Z * at.H, each = tiles(row.T, width), d = blockIdx.x / each;
  if (d >= directions) return;
  const float *theta = row.theta + d * at.side(), *bias = theta + at.b();
  float* gates = row.gates + (long long)d * row.T * width;
  const Matrix x = in_order(row.noisy, at.D, d, row.T);
  product(shared, blockIdx.x % each, row.T, width, at.D, x, Matrix{theta + at.W(), 1, at.D},
          [&](int s, int n, float v) { gates[(long long)s * width + n] = v + bias[n]; });
}

ODYSSEY_KERNEL(odyssey_forward) {
  ODYSSEY_ROW;
  walk<Forward>(row, at, blockIdx.x, &dynamic_shared[0].x);
}

// kept = y after dropout, for rows that have it.
ODYSSEY_KERNEL(odyssey_drop) {
  ODYSSEY_ROW;
  const int thread = blockIdx.x * kThreads + int(threadIdx.x);
  if (row.kept != row.y) drop(row, row.y, row.kept, row.T * at.width(), thread, gridDim.x * kThreads);
}

// out = kept W' + b.
ODYSSEY_KERNEL(odyssey_output) {
  __shared__ Tiles shared;
  ODYSSEY_ROW;
  const int width = at.width(), tile = blockIdx.x;
  if (tile >= tiles(row.T, at.K)) return;
  const float *head = row.theta + at.head(), *bias = row.theta + at.head_bias();
  product(shared, tile, row.T, at.K, width, Matrix{row.kept, width, 1}, Matrix{head, 1, width},
          [&](int t, int k, float v) { row.out[(long long)t * at.K + k] = v + bias[k]; });
}

ODYSSEY_KERNEL(odyssey_softmax) {
  __shared__ double shared[kWarps];
  ODYSSEY_ROW;
  softmax_loss(row, at.K, shared);
}

ODYSSEY_KERNEL(odyssey_bernoulli) {
  __shared__ double shared[kWarps];
  ODYSSEY_ROW;
  bernoulli_loss(row, at.K, shared);
}

ODYSSEY_KERNEL(odyssey_squared) {
  __shared__ double shared[kWarps];
  ODYSSEY_ROW;
  squared_loss(row, at.K, shared);
}

ODYSSEY_KERNEL(odyssey_ctc) {
  __shared__ double shared[kWarps];
  __shared__ int broken;
  ODYSSEY_ROW;
  Ctc(row, at.K).run(shared, &broken);
}

// dy = gradient of out · W.
ODYSSEY_KERNEL(odyssey_output_backward) {
  __shared__ Tiles shared;
  ODYSSEY_ROW;
  const int width = at.width(), tile = blockIdx.x;
  if (!learns(row) || tile >= tiles(row.T, width)) return;
  const Matrix head{row.theta + at.head(), width, 1};
  product(shared, tile, row.T, width, at.K, Matrix{row.out, at.K, 1}, head,
          [&](int t, int n, float v) { row.dy[(long long)t * width + n] = v; });
}

// dy loses what y lost.
ODYSSEY_KERNEL(odyssey_drop_backward) {
  ODYSSEY_ROW;
  const int thread = blockIdx.x * kThreads + int(threadIdx.x);
  if (row.kept != row.y && learns(row))
    drop(row, row.dy, row.dy, row.T * at.width(), thread, gridDim.x * kThreads);
}

ODYSSEY_KERNEL(odyssey_backward) {
  ODYSSEY_ROW;
  if (learns(row)) walk<Backward>(row, at, blockIdx.x, &dynamic_shared[0].x);
}

// Gradients of all matrices and biases, whose tiles end in the update itself.
ODYSSEY_KERNEL(odyssey_descend) {
  __shared__ Tiles shared;
  ODYSSEY_ROW;
  if (!learns(row)) return;
  const int T = row.T, H = at.H, D = at.D, width = at.width();
  int tile = blockIdx.x;
  for (int d = 0; d < directions; ++d) {
    const int own = d * at.side();
    const long long start = (long long)d * T * Z * H;
    const Matrix da{row.da + start, 1, Z * H};
    if (tile < tiles(Z * H, D + 1)) {
      const WithOnes x{in_order(row.noisy, D, d, T), D};
      return product(shared, tile, Z * H, D + 1, T, da, x, [&](int m, int n, float g) {
        update(row, own + (n < D ? at.W() + m * D + n : at.b() + m), g);
      });
    }
    tile -= tiles(Z * H, D + 1);
    if (tile < tiles(Z * H, H)) {
      const Delayed y{in_order(row.y + d * H, width, d, T)};
      return product(shared, tile, Z * H, H, T, da, y,
                     [&](int m, int n, float g) { update(row, own + at.R() + m * H + n, g); });
    }
    tile -= tiles(Z * H, H);
    if (!V::gate_recurrence) continue;
    if (tile < tiles(G * H, G * H)) {
      const Delayed gates{{row.gates + start + H, Z * H, 1}};
      const Matrix da_gates{row.da + start + H, 1, Z * H};
      return product(shared, tile, G * H, G * H, T, da_gates, gates,
                     [&](int m, int n, float g) { update(row, own + at.Q() + m * G * H + n, g); });
    }
    tile -= tiles(G * H, G * H);
  }
  if (tile >= tiles(at.K, width + 1)) return;
  const WithOnes y{{row.kept, width, 1}, width};
  product(shared, tile, at.K, width + 1, T, Matrix{row.out, 1, at.K}, y, [&](int k, int n, float g) {
    update(row, n < width ? at.head() + k * width + n : at.head_bias() + k, g);
  });
}
