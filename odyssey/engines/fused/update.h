// The update rules, in the tiles of the gradient's product, so that the gradient is never in memory.
// UpdateRule of odyssey/networks/spec.py says what each computes.
#pragma once

#include <stdexcept>
#include <string>

#include "memory.h"

namespace odyssey {

// In the order of RULES in spec.py.
enum class RuleName { nesterov, momentum, sgd, adam, rmsprop };
constexpr const char* kRules = "nesterov momentum sgd adam rmsprop";

struct Rule {
  RuleName name;
  float step, momentum;
  float first_share, second_share;  // 1 − β₁; 1 − β₂ or 1 − ρ
  float epsilon, clip, decay;       // clip, decay: 0 for none

  // How many arrays like theta it goes on from.
  int arrays() const { return name == RuleName::adam ? 2 : name == RuleName::sgd ? 0 : 1; }
};
// How a rule comes from outside: these numbers in this order, which are those of UpdateRule.numbers.
constexpr const char* kRuleNames = "rule step momentum first_share second_share epsilon clip weight_decay";
constexpr int kRuleNumbers = 8;
// Throws std::invalid_argument for a name that there isn't.
inline Rule rule_of(const float* numbers) {
  if (!(numbers[0] >= 0 && numbers[0] <= float(RuleName::rmsprop)))
    throw std::invalid_argument("an update rule must be one of 0 to " +
                                std::to_string(int(RuleName::rmsprop)));
  return {RuleName(int(numbers[0])),
          numbers[1],
          numbers[2],
          numbers[3],
          numbers[4],
          numbers[5],
          numbers[6],
          numbers[7]};
}

// The rules without momentum. Not inlined: a tile ends in as many copies of its update as it has sums.
//   second  the array of second moments; of Adam the one behind `first`
template <class Real>
__attribute__((noinline)) void update_without_momentum(Real* theta, Real* first, Real* second,
                                                       Vector<Real> gradient, const Rule& rule) {
  Vector<Real> move = gradient;
  if (rule.name == RuleName::adam) {
    const Vector<Real> m = load(first);
    move = m + Real(rule.first_share) * (gradient - m);
    store(first, move);
  }
  if (rule.name != RuleName::sgd) {
    const Vector<Real> w = load(second), next = w + Real(rule.second_share) * (gradient * gradient - w);
    store(second, next);
    move /= root(next) + Real(rule.epsilon);
  }
  store(theta, load(theta) - Real(rule.step) * move);
}

// One vector of theta.
//   state  that of the rule's first array; its second one lies `apart` behind
template <class Real>
inline void update(Real* theta, Real* state, std::ptrdiff_t apart, Vector<Real> gradient, const Rule& rule) {
  if (rule.clip != 0) gradient = bounded(gradient, Real(-rule.clip), Real(rule.clip));
  if (rule.decay != 0) gradient += Real(rule.decay) * load(theta);
  // So unlikely that no tile keeps its sums in memory for the sake of the call.
  if (__builtin_expect_with_probability(rule.name > RuleName::momentum, 0, 1.0))
    return update_without_momentum(theta, state, rule.name == RuleName::adam ? state + apart : state,
                                   gradient, rule);
  const Vector<Real> v = Real(rule.momentum) * load(state) - Real(rule.step) * gradient;
  const Vector<Real> move =
      rule.name == RuleName::nesterov ? Real(rule.momentum) * v - Real(rule.step) * gradient : v;
  store(state, v);
  store(theta, load(theta) + move);
}

// What a product does with its tiles, see product.h: they are a gradient.
template <class Real>
struct Update {
  Rows<Real> theta, state;
  std::ptrdiff_t apart;
  Rule rule;
  Vector<Real> first(int, int) const { return Vector<Real>{}; }
  void last(int i, int column, Vector<Real> sum) const {
    update(theta[i] + column, state[i] + column, apart, sum, rule);
  }
};

}  // namespace odyssey
