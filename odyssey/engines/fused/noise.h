// Input noise and dropout as pure functions of a key, a presentation and a place: odyssey/engines/noise.py
// explains them.
#pragma once

#include <algorithm>

#include "vector.h"

namespace odyssey {

struct Noise {
  float std;
  std::uint32_t key[2], presentation[2];  // low word first
  float dropout;                          // a probability below 1
};
// Both have random words of their own.
constexpr std::uint32_t kOfNoise = 0, kOfDropout = 1;

// The words of kLanes counters from each `first` on, Threefry-4×32 with 20 rounds: two chains of
// instructions side by side hide each other's latency.
constexpr int kChains = 2;
inline void threefry(const Noise& noise, std::uint32_t of, const std::uint32_t (&first)[kChains],
                     Bits<float> (&x)[kChains][4]) {
  constexpr int rotations[8][2] = {{10, 26}, {11, 21}, {13, 27}, {23, 5},
                                   {6, 20},  {17, 11}, {25, 10}, {18, 20}};
  const std::uint32_t key[5] = {noise.key[0], noise.key[1], 0, 0, 0x1BD11BDA ^ noise.key[0] ^ noise.key[1]};
  const Bits<float> lane = lane_numbers<float>();
#pragma GCC unroll 2
  for (int c = 0; c < kChains; ++c) {
    x[c][0] = lane + (first[c] + key[0]);
    x[c][1] = Bits<float>{} + (of + key[1]);
    x[c][2] = Bits<float>{} + (noise.presentation[0] + key[2]);
    x[c][3] = Bits<float>{} + (noise.presentation[1] + key[3]);
  }
  const auto mix = [&](int to, int from, int bits) {
#pragma GCC unroll 2
    for (int c = 0; c < kChains; ++c) x[c][to] += x[c][from];
#pragma GCC unroll 2
    for (int c = 0; c < kChains; ++c)
      x[c][from] = ((x[c][from] << bits) | (x[c][from] >> (32 - bits))) ^ x[c][to];
  };
#pragma GCC unroll 20
  for (int r = 0; r < 20; ++r) {
    mix(0, r & 1 ? 3 : 1, rotations[r % 8][0]);
    mix(2, r & 1 ? 1 : 3, rotations[r % 8][1]);
    if (r % 4 < 3) continue;
    const int s = r / 4 + 1;
#pragma GCC unroll 4
    for (int n = 0; n < 4; ++n)
#pragma GCC unroll 2
      for (int c = 0; c < kChains; ++c) x[c][n] += key[(s + n) % 5] + (n == 3 ? s : 0);
  }
}

// ln x for normal x > 0, within 2 units in the last place: x = 2^k m with m in [√½, √2), and a
// minimax polynomial in m − 1.
inline Vector<float> log(Vector<float> x) {
  using Integers = decltype(x < x);
  const Integers bits = (Integers)x, k = (bits - 0x3f3504f3) >> 23;
  const Vector<float> m = (Vector<float>)(bits - (k << 23)) - 1.0f, m2 = m * m;
  const Vector<float> e = __builtin_convertvector(k, Vector<float>);
  Vector<float> p = broadcast(7.0376836292e-2f);
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                        -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f})
    p = p * m + c;
  return (p * m * m2 + (e * -2.12194440e-4f - 0.5f * m2)) + m + e * 0.693359375f;
}

// Two normal numbers from each pair of random words, by Box and Muller.
inline void box_muller(Bits<float> radius, Bits<float> angle, Vector<float>& first, Vector<float>& second) {
  using Integers = decltype(first < first);
  const Vector<float> u =
      __builtin_convertvector((Integers)(radius >> 8), Vector<float>) * 0x1p-24f + 0x1p-25f;
  const Vector<float> r = root(-2.0f * log(u));
  // The angle in quarter turns is the nearest integer k, and x within ±½ of it.
  constexpr float kRound = 12582912.0f;
  const Vector<float> quarters = __builtin_convertvector((Integers)angle, Vector<float>) * 0x1p-30f;
  const Vector<float> shifted = quarters + kRound, x = quarters - (shifted - kRound), x2 = x * x;
  const Vector<float> sine =
      x * (((-4.602176980e-3f * x2 + 7.968022806e-2f) * x2 - 6.459634786e-1f) * x2 + 1.570796322f);
  const Vector<float> cosine =
      (((9.067441136e-4f * x2 - 2.086152996e-2f) * x2 + 2.536694105e-1f) * x2 - 1.233700549f) * x2 + 1.0f;
  const Integers k = (Integers)shifted, odd = -(k & 1);
  const Integers sine_sign = (k & 2) << 30, cosine_sign = ((k + 1) & 2) << 30;
  const Integers s = (Integers)sine, c = (Integers)cosine;
  first = r * (Vector<float>)(((s & odd) | (c & ~odd)) ^ cosine_sign);
  second = r * (Vector<float>)(((c & odd) | (s & ~odd)) ^ sine_sign);
}

// Calls f(e, words) until all entries below `count` have their random words: entries e … e + L − 1 those of
// words[0], and those kGroup n further on those of words[n].
constexpr int kGroup = 16, kNoiseRoom = 4 * kGroup * kChains;
template <class F>
inline void draw(const Noise& noise, std::uint32_t of, std::size_t count, F f) {
  constexpr int L = kLanes<float>;
  const auto place = [](std::size_t k) { return 4 * (k / kGroup * kGroup) + k % kGroup; };
  for (std::size_t block = 0; place(block) < count; block += kChains * L) {
    Bits<float> words[kChains][4];
    std::uint32_t first[kChains];
#pragma GCC unroll 2
    for (int c = 0; c < kChains; ++c) first[c] = std::uint32_t(block + c * L);
    threefry(noise, of, first, words);
#pragma GCC unroll 2
    for (int c = 0; c < kChains; ++c) f(place(block + c * L), words[c]);
  }
}

// to[e] = x[e] + noise of entry e, for e < count; `to` has room for kNoiseRoom more.
inline void add_noise(const Noise& noise, const float* x, std::size_t count, float* to) {
  constexpr int L = kLanes<float>;
  draw(noise, kOfNoise, count, [&](std::size_t start, const Bits<float>(&words)[4]) {
    Vector<float> normal[4];
    box_muller(words[0], words[1], normal[0], normal[1]);
    box_muller(words[2], words[3], normal[2], normal[3]);
#pragma GCC unroll 4
    for (int n = 0; n < 4; ++n) {
      const std::size_t e = start + n * kGroup;
      const Vector<float> clean = e + L <= count ? load(x + e)
                                  : e < count    ? load_first(x + e, int(count - e), 0.0f)
                                                 : Vector<float>{};
      store(to + e, noise.std * normal[n] + clean);
    }
  });
}

// mask[e] = 0 with the probability of dropout, else 1 / (1 − it), for e < count; `mask` has room for
// kNoiseRoom more.
inline void draw_mask(const Noise& noise, std::size_t count, float* mask) {
  const Bits<float> least = Bits<float>{} + std::uint32_t(double(noise.dropout) * 0x1p32);
  const Bits<float> kept = (Bits<float>)broadcast(1.0f / (1.0f - noise.dropout));
  draw(noise, kOfDropout, count, [&](std::size_t start, const Bits<float>(&words)[4]) {
#pragma GCC unroll 4
    for (int n = 0; n < 4; ++n)
      store(mask + start + n * kGroup, (Vector<float>)((Bits<float>)(words[n] >= least) & kept));
  });
}

}  // namespace odyssey
