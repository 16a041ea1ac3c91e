// Scratch memory of one call, and views of rows in it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <new>

#include "vector.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace odyssey {

// A matrix seen by rows. A negative stride walks it backwards: the backward direction's only trick.
template <class Real>
struct Rows {
  Real* data;
  std::ptrdiff_t stride;
  Real* operator[](std::ptrdiff_t row) const { return data + row * stride; }
  Rows from(std::ptrdiff_t row) const { return {(*this)[row], stride}; }
  Rows from_column(std::ptrdiff_t column) const { return {data + column, stride}; }
  Rows reversed(std::ptrdiff_t count) const { return {(*this)[count - 1], -stride}; }
  operator Rows<const Real>() const { return {data, stride}; }
};

// Copies whole vectors: `count` is a multiple of their lanes. For a few of them a call of memcpy costs more.
inline void copy_vectors(const float* from, std::size_t count, float* to) {
  for (std::size_t n = 0; n < count; n += kLanes<float>) store(to + n, load(from + n));
}

// Rows an odd number of cache lines apart never pile up in a few sets of the cache.
template <class Real>
inline std::ptrdiff_t spread(std::ptrdiff_t columns) {
  constexpr std::ptrdiff_t line = 64 / sizeof(Real);
  return ((columns + line - 1) / line | 1) * line;
}

// Under the address sanitizer (.ci/sanitize) gaps between the pieces of a block must not be touched.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kGap = 64;
inline void forbid(char* begin, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(begin, bytes); }
inline void allow(char* begin, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(begin, bytes); }
#else
constexpr std::size_t kGap = 0;
inline void forbid(char*, std::size_t) {}
inline void allow(char*, std::size_t) {}
#endif

// Hands out consecutive pieces of a block of memory, or of nothing at all to learn its size.
class Pieces {
 public:
  explicit Pieces(void* base = nullptr, bool guarded = false)
      : base_(static_cast<char*>(base)), guarded_(guarded) {}

  template <class Real>
  Real* take(std::size_t count) {
    Real* piece = base_ ? reinterpret_cast<Real*>(base_ + used_) : nullptr;
    used_ += (count * sizeof(Real) + 63) / 64 * 64;
    if (guarded_) forbid(base_ + used_, kGap);
    used_ += kGap;
    return piece;
  }
  template <class Real>
  Rows<Real> take_rows(std::size_t rows, std::ptrdiff_t stride) {
    return {take<Real>(rows * std::size_t(stride)), stride};
  }
  std::size_t used() const { return used_; }

 private:
  char* base_;
  bool guarded_;
  std::size_t used_ = 0;
};

// A block that grows. `assign` takes its pieces twice, first from nothing: so what is needed is
// written down once.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    allow(base_, capacity_);
    std::free(base_);
  }

  template <class Assign>
  void plan(Assign assign) {
    Pieces nothing;
    assign(nothing);
    if (nothing.used() > capacity_) grow(nothing.used());
    allow(base_, capacity_);
    Pieces pieces(base_, true);
    assign(pieces);
  }

 private:
  void grow(std::size_t bytes) {
    constexpr std::size_t huge_page = 2 << 20;
    allow(base_, capacity_);
    std::free(base_);
    capacity_ = (bytes + bytes / 4 + huge_page - 1) / huge_page * huge_page;
    base_ = static_cast<char*>(std::aligned_alloc(huge_page, capacity_));
    if (!base_) {
      capacity_ = 0;
      throw std::bad_alloc();
    }
#if defined(__linux__)
    madvise(base_, capacity_, MADV_HUGEPAGE);
#endif
  }

  char* base_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace odyssey
