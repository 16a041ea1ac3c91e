// Input noise and dropout as pure functions of a key, a presentation and a place: odyssey/engines/noise.py
// explains them. The noise is that of ../noise.h to rounding, what is dropped is the same.
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

// Calls f(e, words): entry e + kGroup n, if there is one, has words[n]. Threads `start`, start + stride, …
// take a counter each.
constexpr int kGroup = 16;
template <class F>
__device__ inline void draw(const Row& row, unsigned of, int count, int start, int stride, F f) {
  const Words key{{unsigned(row.key), unsigned(row.key >> 32), 0, 0}};
  for (int n = start; n < ceil_div(count, 4 * kGroup) * kGroup; n += stride) {
    const unsigned low = unsigned(row.presentation), high = unsigned(row.presentation >> 32);
    f(n / kGroup * 4 * kGroup + n % kGroup, threefry({{unsigned(n), of, low, high}}, key));
  }
}

// noisy = x + σ n.
__device__ inline void add_noise(const Row& row, int count, int start, int stride) {
  draw(row, 0, count, start, stride, [&](int at, const Words& w) {
    float normal[4];
    box_muller(w.x[0], w.x[1], normal[0], normal[1]);
    box_muller(w.x[2], w.x[3], normal[2], normal[3]);
    for (int e = 0; e < 4; ++e)
      if (at + e * kGroup < count)
        row.noisy[at + e * kGroup] = row.x[at + e * kGroup] + row.noise * normal[e];
  });
}

// to = from times 0 with the probability of dropout, else times 1 / (1 − it).
__device__ inline void drop(const Row& row, const float* from, float* to, int count, int start, int stride) {
  const unsigned least = unsigned(double(row.dropout) * 4294967296.0);
  const float kept = 1.0f / (1.0f - row.dropout);
  draw(row, 1, count, start, stride, [&](int at, const Words& w) {
    for (int n = 0; n < 4; ++n)
      if (at + n * kGroup < count)
        to[at + n * kGroup] = w.x[n] >= least ? from[at + n * kGroup] * kept : 0.0f;
  });
}

}  // namespace odyssey
