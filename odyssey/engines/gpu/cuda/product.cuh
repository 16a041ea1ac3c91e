// C(m, n) = Σ_k A(m, k) B(k, n) in tiles of 64 × 64, one block a tile, each thread 4 × 4 of it.
#pragma once

#include "row.cuh"

namespace odyssey {

constexpr int kTile = 64, kDepth = 16, kPitch = kTile + 4;

struct Tiles {
  float a[kDepth][kPitch], b[kDepth][kPitch];
};

// A matrix in memory, with the axis along which neighbours lie side by side.
struct Matrix {
  const float* data;
  int row_stride, column_stride;
  __device__ float operator()(int row, int column) const {
    return data[(long long)row * row_stride + (long long)column * column_stride];
  }
  __device__ bool rows_adjoin() const { return row_stride == 1; }
};

// Rows in time, in the order in which a direction sees them.
__device__ inline Matrix in_order(const float* rows, int width, int direction, int T) {
  return direction ? Matrix{rows + (long long)(T - 1) * width, -width, 1} : Matrix{rows, width, 1};
}

// A matrix with a column of ones at its right: the input of the biases.
struct WithOnes {
  Matrix matrix;
  int columns;
  __device__ float operator()(int row, int column) const {
    return column < columns ? matrix(row, column) : 1.0f;
  }
  __device__ bool rows_adjoin() const { return false; }
};

// A matrix one row later, zeros first: what a step saw of the step before.
struct Delayed {
  Matrix matrix;
  __device__ float operator()(int row, int column) const { return row ? matrix(row - 1, column) : 0.0f; }
  __device__ bool rows_adjoin() const { return false; }
};

__device__ inline int tiles(int M, int N) { return ceil_div(M, kTile) * ceil_div(N, kTile); }

// The tile number `tile` of C; emit(m, n, sum) takes each of its entries.
template <class A, class B, class Emit>
__device__ void product(Tiles& shared, int tile, int M, int N, int K, const A& a, const B& b,
                        const Emit& emit) {
  const int across = ceil_div(N, kTile), m0 = tile / across * kTile, n0 = tile % across * kTile;
  const int thread = threadIdx.x, column = thread % 16 * 4, row = thread / 16 * 4;
  float sum[4][4] = {};
  for (int k0 = 0; k0 < K; k0 += kDepth) {
    for (int e = thread; e < kTile * kDepth; e += kThreads) {
      const int km = a.rows_adjoin() ? e / kTile : e % kDepth;
      const int m = a.rows_adjoin() ? e % kTile : e / kDepth;
      const int kn = b.rows_adjoin() ? e % kDepth : e / kTile;
      const int n = b.rows_adjoin() ? e / kDepth : e % kTile;
      shared.a[km][m] = m0 + m < M && k0 + km < K ? a(m0 + m, k0 + km) : 0.0f;
      shared.b[kn][n] = n0 + n < N && k0 + kn < K ? b(k0 + kn, n0 + n) : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      float left[4], right[4];
#pragma unroll
      for (int e = 0; e < 4; ++e) left[e] = shared.a[k][row + e], right[e] = shared.b[k][column + e];
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
      if (m0 + row + i < M && n0 + column + j < N) emit(m0 + row + i, n0 + column + j, sum[i][j]);
}

}  // namespace odyssey
