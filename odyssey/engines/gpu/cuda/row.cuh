// One row of a launch: a sequence of one trial, and where everything of it lies in device memory.
// Every kernel runs over many rows at once, blockIdx.y of them; no row reads what another wrote.
//
// The source compiles under NVRTC and, with a header that emulates threads, as plain C++.
#pragma once

#include "../../variant.h"

namespace odyssey {

constexpr int kThreads = 256;  // of every block of every kernel

using V = Variant<ODYSSEY_SWITCHES>;
constexpr int Z = V::blocks, G = V::gates;

// Written by rows.py, field by field. Arrays of both directions lie one after the other; what a
// direction sees is in its own order of time (s), what both share in the sequence's (t).
struct Row {
  float* theta;             // canonical arrays of NetworkSpec.parameter_shapes, concatenated
  float *first, *second;    // as theta, or null: velocity or first moment; second moment
  const float* x;           // (T, D) as it is in the data
  const void* target;       // int labels, or unsigned char (T, K)
  float* noisy;             // (T, D); x itself where no noise is added
  float* y;                 // (T, directions · H)
  float* kept;              // as y, after dropout; y itself where there is none
  float* out;               // (T, K) activations of the output layer, then their gradient
  float* gates;             // (directions, T, Z · H) pre-activations, then z i f o
  float* c;                 // (directions, T, H)
  float* transposed;        // (directions, H · Z · H + (G · H)²) R and Q, columns first
  float* dy;                // as y; training only, like what follows
  float* da;                // as gates, which it may overlay unless gates are recurrent
  float* paths;             // CTC: (4, T + 1, 2U + 1)
  double* loss;             // nats, summed over the sequence
  const double* before;     // the loss of the trial's row in the launch before, or null
  unsigned long long key, presentation;  // of the noise
  int T, U, H, training;
  float noise, dropout;
  // Those of UpdateRule.numbers; clip, decay: 0 for none.
  float step, momentum, first_share, second_share, epsilon, clip, decay;
  int rule;
};

struct Shape {
  int inputs, outputs, directions;
};

// Offsets of one direction's arrays among its parameters, and of the output layer's.
struct Layout {
  int H, D, K, directions;
  __device__ Layout(const Row& row, const Shape& shape)
      : H(row.H), D(shape.inputs), K(shape.outputs), directions(shape.directions) {}
  __device__ int width() const { return directions * H; }
  __device__ int W() const { return 0; }
  __device__ int R() const { return Z * H * D; }
  __device__ int b() const { return R() + Z * H * H; }
  __device__ int p() const { return b() + Z * H; }
  __device__ int Q() const { return p() + (V::peepholes ? G * H : 0); }
  __device__ int side() const { return Q() + (V::gate_recurrence ? G * H * G * H : 0); }
  __device__ int head() const { return directions * side(); }
  __device__ int head_bias() const { return head() + K * width(); }
  __device__ int transposed() const { return Z * H * H + (V::gate_recurrence ? G * H * G * H : 0); }
};

__device__ inline bool finite(double value) { return value - value == 0; }

// Whether the row's loss lets it learn; a loss that is not finite changes nothing.
__device__ inline bool learns(const Row& row) { return row.training && finite(*row.loss); }

__device__ inline int time_of(int direction, int s, int T) { return direction ? T - 1 - s : s; }

__device__ inline int ceil_div(int a, int b) { return (a + b - 1) / b; }

// NaN stays NaN, as on the CPU: fminf would hide it as a limit.
__device__ inline float bounded(float x, float limit) { return x > limit ? limit : x < -limit ? -limit : x; }

// In the order of RULES of odyssey/networks/spec.py, where UpdateRule says what each computes.
enum RuleName { kNesterov, kMomentum, kSgd, kAdam, kRmsprop };

__device__ inline void update(const Row& row, int at, float gradient) {
  if (row.clip != 0) gradient = bounded(gradient, row.clip);
  if (row.decay != 0) gradient += row.decay * row.theta[at];
  if (row.rule <= kMomentum) {
    const float moved = row.step * gradient, v = row.momentum * row.first[at] - moved;
    row.first[at] = v;
    row.theta[at] += row.rule == kNesterov ? row.momentum * v - moved : v;
    return;
  }
  float move = gradient;
  if (row.rule == kAdam) {
    const float m = row.first[at];
    row.first[at] = move = m + row.first_share * (gradient - m);
  }
  if (row.rule != kSgd) {
    const float w = row.second[at], next = w + row.second_share * (gradient * gradient - w);
    row.second[at] = next;
    move /= sqrtf(next) + row.epsilon;
  }
  row.theta[at] -= row.step * move;
}

}  // namespace odyssey
