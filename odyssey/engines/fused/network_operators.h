// What the operators of a whole network share: their attributes, and how a run of sequences comes.
#pragma once

#include "core.h"
#include "operators.h"

namespace odyssey {

inline NetworkShape network_shape(const Attributes& attributes) {
  return {attribute(attributes, "inputs"), attribute(attributes, "hidden"), attribute(attributes, "outputs"),
          attribute(attributes, "directions"), Loss(attribute(attributes, "loss"))};
}

// The network of a call; its passes share the thread's memory.
inline std::unique_ptr<AnyNetwork> network_of(const Attributes& attributes) {
  return new_network(unsigned(attribute(attributes, "switches")), network_shape(attributes), scratch());
}

// The second thread that a pass may use, if the attribute `threads` says two.
inline Helper* helper(const Attributes& attributes) {
  return attribute(attributes, "threads") > 1 ? &Helper::own() : nullptr;
}

inline MXReturnValue all_float32(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  std::fill(in->begin(), in->end(), int(kFloat32));
  std::fill(out->begin(), out->end(), int(kFloat32));
  return MX_SUCCESS;
}

// A run: sequences out of x (N, D) and targets (M,), or (N, K) for sigmoid outputs, or nothing for a
// loss outside. A row of the table holds a sequence's first frame, frames, first target, targets, and
// its noise's key and presentation.
struct Sequence {
  std::int64_t first, frames, first_target, targets;
  std::uint32_t key[2], presentation[2];
};

// A row of how to train: the rule's numbers for a sequence's update, then the standard deviation of the
// noise and the probability of dropout.
constexpr int kHowNumbers = kRuleNumbers + 2;

inline Noise noise_of(const Sequence& now, const float* how) {
  return {how[kRuleNumbers],
          {now.key[0], now.key[1]},
          {now.presentation[0], now.presentation[1]},
          how[kRuleNumbers + 1]};
}

inline void expect_state(const std::vector<unsigned>& came, unsigned size) {
  expect("the rule's state", came, {came.empty() ? 1 : came[0], size});
}

inline Rule checked_rule(const float* numbers, const MXTensor& state) {
  const Rule rule = rule_of(numbers);
  if (state.shape[0] < rule.arrays())
    throw std::invalid_argument("the rule's state must hold " + std::to_string(rule.arrays()) + " arrays");
  return rule;
}

template <int Inputs, int Outputs>
MXReturnValue count(const Attributes&, int* inputs, int* outputs) {
  *inputs = Inputs, *outputs = Outputs;
  return MX_SUCCESS;
}

template <int... Changed>
MXReturnValue mutates(const Attributes&, std::vector<int>* inputs) {
  *inputs = {Changed...};
  return MX_SUCCESS;
}

// Neither has a gradient, but MXNet's cached calls ask for one of every operator.
inline MXReturnValue no_gradient(const Attributes&, Tensors*, Tensors*, const OpResource&) {
  return guarded([] { throw std::logic_error("a training step has no gradient of its own"); });
}

}  // namespace odyssey
