/* The kernels without a framework, for C and for whatever calls C.
 *
 * A network is opened for a variant and a shape, and holds the scratch memory of its passes, which
 * grows to what the longest sequence needs. One network is for one thread at a time; several are
 * independent. Functions that return int return 0, or −1 after an error, which odyssey_error() then
 * describes. All arrays are the caller's, row by row and contiguous; none may overlap another, and
 * none needs more alignment than a float. T is 1 or more.
 *
 *   D inputs, H hidden, K outputs, T frames, N parameters in the padded layout
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct odyssey_network odyssey_network;

/* Gaussian noise on the inputs, N(0, std²), and dropout of the recurrent layer's outputs with a probability
 * below 1: pure functions of key, presentation and place. 0 is none. */
typedef struct {
  float std;
  uint32_t key[2], presentation[2]; /* the low word first */
  float dropout;
} odyssey_noise;

/* What the last call on this thread that failed says, in one line; valid until the next failure. */
const char* odyssey_error(void);

/* Opens a network; NULL after an error.
 *   switches  the variant: the bits of variant.h
 *   shape     int[5]: inputs, hidden, outputs, directions (1 or 2), loss (0 softmax, 1 CTC,
 *             2 Bernoulli, 3 squared error, 4 outside: the caller computes it) */
odyssey_network* odyssey_open(unsigned switches, const int* shape);

/* The C++ object behind a network, an AnyNetwork of core.h: for adapters in the same library. */
void* odyssey_core(odyssey_network* network);

/* Gives a network's memory back; NULL is allowed. */
void odyssey_close(odyssey_network* network);

/* N: the floats of theta and of every array of a rule's state. */
size_t odyssey_size(const odyssey_network* network);

/* Puts parameters from the canonical form into the padded one, and back.
 *   canonical  the arrays of NetworkSpec.parameter_shapes, one after the other
 *   theta      float[N] */
int odyssey_pack(const odyssey_network* network, const float* canonical, float* theta);
int odyssey_unpack(const odyssey_network* network, const float* theta, float* canonical);

/* The forward pass of training. What it computed stays in the network until its next pass.
 *   x      float[T][D]; must stay as it is until odyssey_learn returns
 *   noise  is added to a copy of x; NULL for none
 *   theta  float[N]; must stay as it is until odyssey_learn
 *   a      float[T][K], written: the activations before softmax or sigmoid */
int odyssey_forward(odyssey_network* network, const float* x, int T, const odyssey_noise* noise,
                    const float* theta, float* a);

/* Back-propagation and update, after odyssey_forward and once for each.
 *   gradient  float[T][K] of the loss by a
 *   theta     float[N] of that forward pass, updated
 *   state     float[N], updated: what the rule goes on from, zeros at first; for Adam float[2][N], for SGD
 *             anything
 *   rule      float[8]: 0 Nesterov, 1 momentum, 2 SGD, 3 Adam, 4 RMSprop; the step, momentum μ, 1 − β₁,
 *             1 − β₂ or 1 − ρ, ε; the limit of every gradient entry (0: none), weight decay λ (0: none).
 *             Adam's step and ε hold its corrections for this update, see UpdateRule.numbers */
int odyssey_learn(odyssey_network* network, const float* gradient, float* theta, float* state,
                  const float* rule);

/* Both with the network's own loss between them, and nothing learned where that is not finite.
 *   target  float[T] classes, or −1 where a frame does not count (softmax), float[labels] classes (CTC)
 *           or float[T][K] (Bernoulli, squared error)
 *   loss    double, written: nats before the update, summed over the sequence */
int odyssey_step(odyssey_network* network, const float* x, int T, const float* target, int labels,
                 const odyssey_noise* noise, float* theta, float* state, const float* rule, double* loss);

/* Loss and activations without noise and without learning; the loss is NaN where it is outside. */
int odyssey_evaluate(odyssey_network* network, const float* x, int T, const float* target, int labels,
                     const float* theta, float* a, double* loss);

/* What the kernels know that others know, too, for tests: names of the losses and of the update rules
 * by their number, and of a rule's numbers, with blanks between; and a variant's members of variant.h as
 *   facts  int[10]: input gate, own forget gate, output gate, input activation, output activation,
 *          coupled gates, peepholes, gate recurrence, blocks, gates */
const char* odyssey_losses(void);
const char* odyssey_rule(void);
const char* odyssey_rules(void);
int odyssey_variant(unsigned switches, int* facts);

#ifdef __cplusplus
}
#endif
