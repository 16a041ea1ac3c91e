// Plain C functions for `odyssey bench`: what the machine itself can do in these instructions.
#include <chrono>

#include "product.h"

namespace odyssey {
namespace {

template <class F>
double seconds(F f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

constexpr int kRows = 8, kWidth = 2, L = kLanes<float>;

volatile float kept;  // so that no measured work can be left out

template <int N>
inline float total(const Vector<float> (&sums)[N]) {
  Vector<float> all{};
#pragma GCC unroll 16
  for (int n = 0; n < N; ++n) all += sums[n];
  return sum<float>(all);
}

}  // namespace

// Bytes a second when `bytes` are read again and again, back and forth. Short rows, several at a time:
// so the second cache gives most.
extern "C" double odyssey_bandwidth(std::size_t bytes, int repeats) {
  constexpr std::ptrdiff_t once = kRows * kWidth * kVectorBytes;
  const std::ptrdiff_t rows = (std::ptrdiff_t(bytes) / once + 1) * kRows;
  Arena arena;
  Rows<float> data{};
  arena.plan([&](Pieces& pieces) { data = pieces.take_rows<float>(rows, kWidth * L); });
  std::fill_n(data.data, rows * data.stride, 1.0f);
  Vector<float> sums[kRows][kWidth];
  clear<float>(sums);
  const double time = seconds([&] {
    for (int k = 0; k < repeats; ++k) {
      const Rows<float> order = k & 1 ? data.reversed(rows) : data;
      for (std::ptrdiff_t row = 0; row < rows; row += kRows)
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
          for (int n = 0; n < kWidth; ++n) sums[r][n] += load(order[row + r] + n * L);
    }
  });
  fold<float>(sums);
  kept = total(sums[0]);
  return double(rows) * kWidth * kVectorBytes * repeats / time;
}

// Multiplications with an addition a second, from registers.
extern "C" double odyssey_peak(int repeats) {
  constexpr int chains = 12;
  Vector<float> sums[chains], factor = broadcast(0.5f);
#pragma GCC unroll 12
  for (int n = 0; n < chains; ++n) sums[n] = broadcast(n + 2.0f);  // equal ones would become one
  const double time = seconds([&] {
    for (int k = 0; k < repeats; ++k) {
#pragma GCC unroll 12
      for (int n = 0; n < chains; ++n) sums[n] = sums[n] * factor + factor;
    }
  });
  kept = total(sums);
  return double(chains) * L * repeats / time;
}

}  // namespace odyssey
