// Just enough of CUDA on one CPU thread for the kernels to run as plain C++: each thread of a block
// is a fiber, and barriers and shuffles hand over to the next. Blocks run one after the other.
//
// A launch runs its fibers in rising or falling order, and shared memory starts as NaN, so a missing
// barrier or an unwritten word changes results. A thread that leaves others at a barrier aborts, and
// so does one that writes to shared memory that its launch did not ask for.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
// All of a module's shared memory lies in one section, where it can be poisoned.
#define __shared__ static __attribute__((section("odyssey_shared")))

extern "C" char __start_odyssey_shared[], __stop_odyssey_shared[];

struct float4 {
  float x, y, z, w;
};
__shared__ float4 dynamic_shared[ODYSSEY_SHARED / sizeof(float4)];
struct Index {
  unsigned x, y, z;
};

namespace emulation {

struct Fiber {
  jmp_buf place;  // where it goes on
  Index thread;
  bool done = false;
  int block_barriers = 0, warp_barriers = 0;
};

inline std::vector<Fiber> fibers;
inline Fiber* current = nullptr;
inline jmp_buf scheduler;
inline Index block_index, grid_size, block_size;
inline std::vector<float> exchanged;  // two turns of one value a thread

// By jumps: swapcontext asks the system for the signal mask each time.
inline void hand_over() {
  if (!_setjmp(current->place)) _longjmp(scheduler, 1);
}
[[gnu::noinline]] inline void resume(Fiber& fiber) {
  current = &fiber;
  if (!_setjmp(scheduler)) _longjmp(fiber.place, 1);
}

// Waits until all fibers from first to last have come as often as this one has now.
inline void wait(int Fiber::* count, int first, int last) {
  const int mine = ++(current->*count);
  for (int n = first; n < last; ++n)
    while (fibers[n].*count < mine) {
      if (fibers[n].done) {
        std::fprintf(stderr, "thread %d left while others wait at a barrier\n", n);
        std::abort();
      }
      hand_over();
    }
}

inline int self() { return int(current - fibers.data()); }
inline int warp_start() { return self() / 32 * 32; }
inline int warp_end() {
  const int threads = int(block_size.x);
  return warp_start() + 32 < threads ? warp_start() + 32 : threads;
}

inline std::function<void()> body;
inline std::unique_ptr<char[]> stacks;

// What a fiber does: block after block, it runs the kernel.
inline void live() {
  for (;; hand_over()) {
    body();
    current->done = true;
  }
}

// Gives every fiber a stack, and a place to begin.
inline void found(int threads) {
  constexpr std::size_t kStack = 96 << 10;
  stacks.reset(new char[threads * kStack]);
  fibers.assign(threads, Fiber{});
  for (int n = 0; n < threads; ++n) {
    ucontext_t start, here;
    getcontext(&start);
    start.uc_stack.ss_sp = stacks.get() + n * kStack;
    start.uc_stack.ss_size = kStack;
    makecontext(&start, +[] { hand_over(), live(); }, 0);
    current = &fibers[n];
    if (!_setjmp(scheduler)) swapcontext(&here, &start);
  }
}

inline void run_block(bool falling) {
  const int threads = int(block_size.x);
  if (int(fibers.size()) != threads) found(threads);
  exchanged.assign(2 * threads, NAN);
  std::memset(__start_odyssey_shared, 0xff, __stop_odyssey_shared - __start_odyssey_shared);
  for (int n = 0; n < threads; ++n) {
    fibers[n].thread = {unsigned(n), 0, 0};
    fibers[n].done = false;
    fibers[n].block_barriers = fibers[n].warp_barriers = 0;
  }
  for (int left = threads; left;) {
    left = 0;
    for (int n = 0; n < threads; ++n) {
      Fiber& fiber = fibers[falling ? threads - 1 - n : n];
      if (!fiber.done) resume(fiber);
      left += !fiber.done;
    }
  }
}

inline void check_shared(std::size_t asked) {
  const char* bytes = reinterpret_cast<const char*>(dynamic_shared);
  const std::size_t rest = sizeof dynamic_shared - asked;
  // All are as the first, and that one as it was: quicker than one by one.
  if (!rest || (bytes[asked] == char(0xff) && !std::memcmp(bytes + asked, bytes + asked + 1, rest - 1)))
    return;
  for (std::size_t n = asked; n < sizeof dynamic_shared; ++n)
    if (bytes[n] != char(0xff)) {
      std::fprintf(stderr, "%zu bytes of shared memory were asked for, byte %zu was written\n", asked, n);
      std::abort();
    }
}

// Runs kernel() in every thread of a grid; `shared` is the bytes of dynamic_shared that it may use.
inline void launch(Index grid, Index block, std::size_t shared, bool falling, std::function<void()> kernel) {
  body = std::move(kernel);
  grid_size = grid;
  block_size = block;
  for (unsigned y = 0; y < grid.y; ++y)
    for (unsigned x = 0; x < grid.x; ++x) {
      block_index = {x, y, 0};
      run_block(falling);
      check_shared(shared);
    }
}

}  // namespace emulation

#define threadIdx (emulation::current->thread)
#define blockIdx (emulation::block_index)
#define gridDim (emulation::grid_size)
#define blockDim (emulation::block_size)

inline void __syncthreads() {
  emulation::wait(&emulation::Fiber::block_barriers, 0, int(emulation::block_size.x));
}
inline void __syncwarp() {
  emulation::wait(&emulation::Fiber::warp_barriers, emulation::warp_start(), emulation::warp_end());
}
inline float __shfl_xor_sync(unsigned, float value, int distance) {
  const int me = emulation::self();
  float* turn =
      emulation::exchanged.data() + (emulation::current->warp_barriers & 1) * emulation::block_size.x;
  turn[me] = value;
  __syncwarp();
  return turn[me ^ distance];
}

inline int __float_as_int(float v) {
  int bits;
  std::memcpy(&bits, &v, 4);
  return bits;
}
inline float __int_as_float(int v) {
  float value;
  std::memcpy(&value, &v, 4);
  return value;
}
inline double __longlong_as_double(long long v) {
  double d;
  std::memcpy(&d, &v, 8);
  return d;
}
inline void sincospif(float x, float* sine, float* cosine) {
  *sine = std::sin(float(M_PI) * x);
  *cosine = std::cos(float(M_PI) * x);
}
