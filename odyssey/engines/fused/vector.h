// Vectors as wide as the instruction set: the only file that knows how wide that is.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

// The intrinsic function of that name for the widest vectors there are.
#if defined(__SSE2__) && !defined(ODYSSEY_VECTOR_BYTES)
#include <immintrin.h>
#if defined(__AVX512F__)
#define ODYSSEY_INTRINSIC(name) _mm512_##name
#elif defined(__AVX2__)
#define ODYSSEY_INTRINSIC(name) _mm256_##name
#else
#define ODYSSEY_INTRINSIC(name) _mm_##name
#endif
#endif

namespace odyssey {

// A vector wider than the registers compiles, and is 15 to 40 times slower: never guess upwards.
#if defined(ODYSSEY_VECTOR_BYTES)
constexpr int kVectorBytes = ODYSSEY_VECTOR_BYTES;
#elif defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

constexpr bool kManyRegisters = kVectorBytes == 64;  // 32, not 16

template <class Real>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef std::uint32_t bits __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef std::uint64_t bits __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
};

template <class Real>
using Vector = typename VectorOf<Real>::type;
template <class Real>
using Bits = typename VectorOf<Real>::bits;
template <class Real>
constexpr int kLanes = kVectorBytes / int(sizeof(Real));

template <class Real>
inline Vector<Real> load(const Real* p) {
  return *reinterpret_cast<const Vector<Real>*>(p);
}

template <class Real>
inline void store(Real* p, Vector<Real> v) {
  *reinterpret_cast<Vector<Real>*>(p) = v;
}

// x − 0 is x in every bit, so this folds to one broadcast; x + 0 would not, because of −0.
template <class Real>
inline Vector<Real> broadcast(Real x) {
  return x - Vector<Real>{};
}

// The first `count` lanes from memory, `fill` in the others; reads nothing beyond `count`.
template <class Real>
inline Vector<Real> load_first(const Real* p, int count, Real fill) {
  Vector<Real> v = broadcast(fill);
  std::memcpy(&v, p, std::size_t(count) * sizeof(Real));
  return v;
}

// Lane → its number.
template <class Real>
inline Bits<Real> lane_numbers() {
  Bits<Real> numbers{};
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes<Real>; ++lane) numbers[lane] = lane;
  return numbers;
}

// As many lanes, from the one of that number on, of two vectors side by side.
template <class Real>
inline Vector<Real> lanes_from(Vector<Real> a, Vector<Real> b, int first) {
  return __builtin_shuffle(a, b, lane_numbers<Real>() + first);
}

// Four numbers from memory, again and again: compilers take a detour through memory.
inline Vector<float> load_four(const float* p) {
#if defined(ODYSSEY_INTRINSIC) && defined(__AVX512F__)
  return _mm512_broadcast_f32x4(_mm_loadu_ps(p));
#elif defined(ODYSSEY_INTRINSIC) && defined(__AVX2__)
  return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(p));
#else
  Vector<float> v{};
  for (int lane = 0; lane < kLanes<float>; ++lane) v[lane] = p[lane % 4];
  return v;
#endif
}

// One of those four in every lane.
inline Vector<float> one_of_four(Vector<float> four, int which) {
  return __builtin_shuffle(four, (lane_numbers<float>() & ~3u) + which);
}

// The first `count` lanes, zeros in the others.
template <class Real>
inline Vector<Real> first_lanes(Vector<Real> v, int count) {
  return (Vector<Real>)((Bits<Real>)v & (Bits<Real>)(lane_numbers<Real>() < count));
}

// The first `count` lanes from memory, zeros in the others, and to memory: nothing beyond is touched.
inline Vector<float> load_first(const float* p, int count) {
#if defined(ODYSSEY_INTRINSIC) && defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p);
#elif defined(ODYSSEY_INTRINSIC) && defined(__AVX2__)
  return _mm256_maskload_ps(p, (__m256i)(lane_numbers<float>() < std::uint32_t(count)));
#else
  return load_first(p, count, 0.0f);
#endif
}
inline void store_first(float* p, Vector<float> v, int count) {
#if defined(ODYSSEY_INTRINSIC) && defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), v);
#elif defined(ODYSSEY_INTRINSIC) && defined(__AVX2__)
  _mm256_maskstore_ps(p, (__m256i)(lane_numbers<float>() < std::uint32_t(count)), v);
#else
  for (int lane = 0; lane < count; ++lane) p[lane] = v[lane];
#endif
}

// All lanes joined into one by f, in as few steps one after the other as there can be.
template <class Real, int width = kLanes<Real> / 2, class F>
inline Real reduce(Vector<Real> v, F f) {
  if constexpr (width > 0) return reduce<Real, width / 2>(f(v, lanes_from<Real>(v, v, width)), f);
  else return v[0];
}

template <class Real>
inline Real sum(Vector<Real> v) {
  return reduce<Real>(v, [](auto a, auto b) { return a + b; });
}

// The instructions for the smaller and the larger of two numbers, which compilers do not find in a
// comparison and a choice because of what they do with a NaN: the second number is the result.
#if defined(ODYSSEY_INTRINSIC)
#define ODYSSEY_CHOOSE(name, compare, real, suffix) \
  inline Vector<real> name(Vector<real> a, Vector<real> b) { return ODYSSEY_INTRINSIC(suffix)(a, b); }
#else
#define ODYSSEY_CHOOSE(name, compare, real, suffix) \
  inline Vector<real> name(Vector<real> a, Vector<real> b) { return a compare b ? a : b; }
#endif
ODYSSEY_CHOOSE(smaller, <, float, min_ps)
ODYSSEY_CHOOSE(smaller, <, double, min_pd)
ODYSSEY_CHOOSE(larger, >, float, max_ps)
ODYSSEY_CHOOSE(larger, >, double, max_pd)

inline Vector<float> root(Vector<float> x) {
#if defined(ODYSSEY_INTRINSIC)
  return ODYSSEY_INTRINSIC(sqrt_ps)(x);
#else
  for (int lane = 0; lane < kLanes<float>; ++lane) x[lane] = std::sqrt(x[lane]);
  return x;
#endif
}

// x within low..high; a NaN stays.
template <class Real>
inline Vector<Real> bounded(Vector<Real> x, Real low, Real high) {
  return larger(broadcast(low), smaller(broadcast(high), x));
}

// s tanh(s x) for s = 1 or ½: x P(x²) / Q(x²), a relative minimax fit (error 1.5e-8) for |s x| ≤ 8.7, beyond which
// the float32 value is ±s. With rounding tanh is within 4e-7 (so it may pass 1 by one unit). The powers of s stand
// in the coefficients, which changes no bit.
template <bool half>
inline Vector<float> scaled_tanh(Vector<float> x) {
  constexpr float bound = half ? 17.4f : 8.7f, s2 = half ? 0.25f : 1.0f;
  constexpr float s4 = s2 * s2, s6 = s4 * s2, s8 = s6 * s2, s10 = s8 * s2;
  x = bounded(x, -bound, bound);
  const Vector<float> u = x * x;
  const Vector<float> p =
      (((s10 * 1.39007716e-08f * u + s8 * 2.0996026e-05f) * u + s6 * 3.51887492e-03f) * u +
       s4 * 1.34005763e-01f) *
          u +
      s2 * 9.99999985e-01f;
  const Vector<float> q = (((s8 * 7.99778953e-07f * u + s6 * 3.3238636e-04f) * u + s4 * 2.59653899e-02f) * u +
                           s2 * 4.67338965e-01f) *
                              u +
                          1.0f;
  return x * p / q;
}
inline Vector<float> tanh(Vector<float> x) { return scaled_tanh<false>(x); }

// float64 serves the tests: exact before fast.
inline Vector<double> tanh(Vector<double> x) {
  for (int lane = 0; lane < kLanes<double>; ++lane) x[lane] = std::tanh(x[lane]);
  return x;
}

inline Vector<float> sigmoid(Vector<float> x) { return scaled_tanh<true>(x) + 0.5f; }
inline Vector<double> sigmoid(Vector<double> x) { return 0.5 * tanh(0.5 * x) + 0.5; }

// exp(x) = 2^k exp(r), |r| ≤ ln2 / 2, for x in [−87, 88] and clamped there; within 2 units in the
// last place. Adding 1.5 · 2^23 rounds to an integer and leaves k in the lowest bits.
inline Vector<float> exp(Vector<float> x) {
  x = bounded(x, -87.0f, 88.0f);
  constexpr float kRound = 12582912.0f;
  const Vector<float> shifted = x * 1.44269504f + kRound;
  const Vector<float> k = shifted - kRound;
  const Vector<float> r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
  const Vector<float> p =
      (((((1.0f / 720 * r + 1.0f / 120) * r + 1.0f / 24) * r + 1.0f / 6) * r + 0.5f) * r + 1.0f) * r + 1.0f;
  const Bits<float> scale = ((Bits<float>)shifted << 23) + 0x3f800000u;
  return p * (Vector<float>)scale;
}

}  // namespace odyssey
