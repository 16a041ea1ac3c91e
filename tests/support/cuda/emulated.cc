// The kernels as a shared library for the CPU: emulated_launch(name, grid, …).
#include "emulation.h"

#include "step.cu"

#define CASE(kernel)                                                                      \
  if (!std::strcmp(name, #kernel)) {                                                      \
    emulation::launch({x, y, 1}, {unsigned(kThreads), 1, 1}, shared, falling != 0,        \
                      [&] { kernel(table, first, inputs, outputs, directions, order); }); \
    return 0;                                                                             \
  }

extern "C" int emulated_launch(const char* name, unsigned x, unsigned y, unsigned shared, int falling,
                               const long long* table, int first, int inputs, int outputs, int directions,
                               int* order) {
  CASE(odyssey_prepare)
  CASE(odyssey_input)
  CASE(odyssey_forward)
  CASE(odyssey_drop)
  CASE(odyssey_output)
  CASE(odyssey_softmax)
  CASE(odyssey_bernoulli)
  CASE(odyssey_squared)
  CASE(odyssey_ctc)
  CASE(odyssey_output_backward)
  CASE(odyssey_drop_backward)
  CASE(odyssey_backward)
  CASE(odyssey_descend)
  return 1;
}

// Bytes of shared memory that the device lets a block have.
extern "C" const unsigned emulated_shared;
const unsigned emulated_shared = ODYSSEY_SHARED;

extern "C" int emulated_row_size() { return sizeof(Row); }

// What Python knows, too: tile, threads, the most blocks of a layer.
extern "C" void emulated_constants(int* found) {
  found[0] = kTile, found[1] = kThreads, found[2] = Weights<1, 4, false>::most;
}
