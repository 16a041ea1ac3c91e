// Input noise as a pure function of a key, a presentation and a place: odyssey/engines/noise.py explains it,
// and the numbers are those of ../noise.h to rounding.
#pragma once

#include "row.cuh"

namespace odyssey {

struct Words {
  unsigned x[4];
};

__device__ inline unsigned rotated(unsigned x, int bits) { return (x << bits) | (x >> (32 - bits)); }

__device__ inline Words threefry(Words counter, const Words& key) {
  const int turns[8][2] = {{10, 26}, {11, 21}, {13, 27}, {23, 5}, {6, 20}, {17, 11}, {25, 10}, {18, 20}};
  const unsigned keys[5] = {key.x[0], key.x[1], key.x[2], key.x[3],
                            0x1BD11BDAu ^ key.x[0] ^ key.x[1] ^ key.x[2] ^ key.x[3]};
  Words w = counter;
#pragma unroll
  for (int i = 0; i < 4; ++i) w.x[i] += keys[i];
#pragma unroll
  for (int round = 0; round < 20; ++round) {
    const int a = round & 1 ? 3 : 1, b = round & 1 ? 1 : 3;
    w.x[0] += w.x[a];
    w.x[a] = rotated(w.x[a], turns[round % 8][0]) ^ w.x[0];
    w.x[2] += w.x[b];
    w.x[b] = rotated(w.x[b], turns[round % 8][1]) ^ w.x[2];
    if (round % 4 == 3) {
#pragma unroll
      for (int i = 0; i < 4; ++i) w.x[i] += keys[(round / 4 + 1 + i) % 5];
      w.x[3] += round / 4 + 1;
    }
  }
  return w;
}

// Two normal numbers from two words, by Box and Muller.
__device__ inline void box_muller(unsigned radius, unsigned angle, float& first, float& second) {
  const float u = float(radius >> 8) * 5.9604645e-8f + 2.9802322e-8f;
  const float r = sqrtf(-2.0f * logf(u));
  sincospif(float(int(angle)) * 4.6566129e-10f, &second, &first);
  first *= r;
  second *= r;
}

// noisy = x + σ n. A counter's four numbers lie kGroup apart; threads `start`, start + stride, …
// take a counter each.
__device__ inline void add_noise(const Row& row, int count, int start, int stride) {
  constexpr int kGroup = 16;
  const Words key{{unsigned(row.key), unsigned(row.key >> 32), 0, 0}};
  for (int n = start; n < ceil_div(count, 4 * kGroup) * kGroup; n += stride) {
    const unsigned low = unsigned(row.presentation), high = unsigned(row.presentation >> 32);
    const Words w = threefry({{unsigned(n), 0, low, high}}, key);
    float normal[4];
    box_muller(w.x[0], w.x[1], normal[0], normal[1]);
    box_muller(w.x[2], w.x[3], normal[2], normal[3]);
    const int at = n / kGroup * 4 * kGroup + n % kGroup;
    for (int e = 0; e < 4; ++e)
      if (at + e * kGroup < count)
        row.noisy[at + e * kGroup] = row.x[at + e * kGroup] + row.noise * normal[e];
  }
}

}  // namespace odyssey
